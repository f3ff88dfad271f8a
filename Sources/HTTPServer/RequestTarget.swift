/// What the request line asks for, decoded once and checked.
struct RequestTarget {
    let path: String
    let rawPath: String
    let query: [(name: String, value: String)]
    /// The authority of a target in absolute form (`GET http://host/path`), which has to agree with Host.
    let authority: [UInt8]?

    /// Reads a target in origin form, or in absolute form, which RFC 9112 3.2.2 obliges servers to accept.
    /// - Returns: nil for anything else, for bytes that have to be encoded, for a wrong percent-encoding, and for one
    ///   that hides a control character or is not UTF-8.
    init?(_ raw: UnsafeBufferPointer<UInt8>) {
        guard raw.allSatisfy({ $0 > ASCII.space && $0 < ASCII.delete }) else { return nil }
        var rest = raw[...]
        if rest.first == ASCII.slash {
            authority = nil
        } else {
            let scheme = "http://".utf8
            guard rest.count > scheme.count, ASCII.equal(rest.prefix(scheme.count), Array(scheme)) else { return nil }
            rest = rest.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == ASCII.slash || $0 == ASCII.question } ?? rest.endIndex
            guard end > rest.startIndex else { return nil }
            authority = Array(rest[..<end])
            rest = rest[end...]
        }
        let mark = rest.firstIndex(of: ASCII.question) ?? rest.endIndex
        guard let path = RequestTarget.decode(rest[..<mark], plusIsSpace: false),
            let query = RequestTarget.parameters(rest[mark...].dropFirst())
        else { return nil }
        self.path = path.isEmpty ? "/" : path
        rawPath = rest.startIndex == mark ? "/" : String(decoding: rest[..<mark], as: UTF8.self)
        self.query = query
    }

    private static func parameters(_ raw: Slice<UnsafeBufferPointer<UInt8>>) -> [(name: String, value: String)]? {
        guard !raw.isEmpty else { return [] }
        var parameters: [(name: String, value: String)] = []
        for pair in raw.split(separator: ASCII.ampersand) {
            let equals = pair.firstIndex(of: ASCII.equals) ?? pair.endIndex
            guard let name = decode(pair[..<equals], plusIsSpace: true),
                let value = decode(pair[equals...].dropFirst(), plusIsSpace: true)
            else { return nil }
            parameters.append((name, value))
        }
        return parameters
    }

    /// Replaces `%41` by `A`, once.
    static func decode(_ raw: Slice<UnsafeBufferPointer<UInt8>>, plusIsSpace: Bool) -> String? {
        guard raw.contains(where: { $0 == ASCII.percent || plusIsSpace && $0 == ASCII.plus }) else {
            return String(decoding: raw, as: UTF8.self)
        }
        var decoded: [UInt8] = []
        decoded.reserveCapacity(raw.count)
        var index = raw.startIndex
        while index < raw.endIndex {
            switch raw[index] {
            case ASCII.percent:
                guard index + 2 < raw.endIndex, let high = ASCII.hexValue(raw[index + 1]),
                    let low = ASCII.hexValue(raw[index + 2])
                else { return nil }
                let byte = high << 4 | low
                guard byte >= ASCII.space, byte != ASCII.delete else { return nil }
                decoded.append(byte)
                index += 3
            case ASCII.plus where plusIsSpace:
                decoded.append(ASCII.space)
                index += 1
            case let byte:
                decoded.append(byte)
                index += 1
            }
        }
        return String(validating: decoded, as: UTF8.self)
    }
}
