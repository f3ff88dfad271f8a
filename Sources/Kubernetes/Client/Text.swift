import HTTPClient

/// A name as a part of an address. An empty one or dots would make it the address of something else: of all objects.
func pathSegment(_ name: String) throws(KubernetesError) -> String {
    guard !name.isEmpty, name != ".", name != "..", !name.contains("/") else {
        throw KubernetesError(.invalid, "“\(name)” cannot be the name of an object or a namespace")
    }
    return name.percentEncoded
}

extension String {
    /// Without white space at both ends.
    var trimmed: String {
        let start = drop(while: \.isWhitespace)
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}

extension Duration {
    var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// For people: `35 s`, `1.5 s`.
    var inWords: String {
        let tenths = (seconds * 10).rounded() / 10
        return tenths == tenths.rounded() ? "\(Int(tenths)) s" : "\(tenths) s"
    }
}
