/// Puts lines together from pieces of any size.
struct LineFramer {
    private let limit: Int
    private var pending: [UInt8] = []

    /// - Parameter limit: the most bytes of one line.
    init(limit: Int) {
        self.limit = limit
    }

    /// The lines that this piece completes, without their ends and without empty ones.
    mutating func lines(after bytes: [UInt8]) throws(KubernetesError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = bytes[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            try append(rest[..<end])
            rest = rest[(end + 1)...]
            if !pending.isEmpty { lines.append(pending) }
            pending = []
        }
        try append(rest)
        return lines
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>) throws(KubernetesError) {
        guard pending.count + bytes.count <= limit else {
            throw KubernetesError(.tooLarge, "the server sends an event of more than \(limit) bytes")
        }
        pending += bytes
    }
}
