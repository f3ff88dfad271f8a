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

    /// Each `%41` replaced by its byte; nil where what follows a percent sign is no number.
    var percentDecoded: String? {
        var bytes: [UInt8] = []
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let value = UInt8(String(Substring(rest.prefix(2))), radix: 16) else { return nil }
            bytes.append(value)
            rest = rest.dropFirst(2)
        }
        return String(decoding: bytes, as: UTF8.self)
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
