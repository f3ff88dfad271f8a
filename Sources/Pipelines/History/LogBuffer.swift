/// What a log keeps of what is written to it: the beginning, up to the limit less the tail, and the tail.
struct LogBuffer {
    /// The end of a log that is too long: 256 KiB, or half of a smaller limit.
    let tailLength: Int
    private let headLength: Int
    private let limit: Int
    private var admitted = 0
    private var head: [UInt8] = []
    private var tail: [UInt8] = []
    private var dropped = 0

    init(limit: Int) {
        self.limit = limit
        tailLength = min(256 << 10, limit / 2)
        headLength = limit - tailLength
    }

    /// Bytes that can be written to the database now.
    var ready: Int { head.count }

    mutating func add(_ bytes: [UInt8]) {
        let first = min(bytes.count, headLength - admitted)
        head += bytes.prefix(first)
        admitted += first
        guard first < bytes.count else { return }
        tail += bytes.dropFirst(first)
        // Shortened when twice too long, so that long logs are not moved about at every write.
        if tail.count > 2 * tailLength { shorten() }
    }

    /// Takes what can be written now.
    mutating func take() -> [UInt8] {
        defer { head = [] }
        return head
    }

    /// Nothing more will come: the tail can be written too, after a line that says what is missing before it.
    mutating func end() {
        if tail.count > tailLength { shorten() }
        if dropped > 0 {
            // The tail begins with a whole line, if it has one.
            if let newline = tail.firstIndex(of: UInt8(ascii: "\n")), newline + 1 < tail.count {
                dropped += newline + 1
                tail.removeFirst(newline + 1)
            }
            head += "\n… log cut at \(LogBuffer.size(limit)): \(dropped) bytes are left out here …\n".utf8
        }
        head += tail
        tail = []
    }

    private mutating func shorten() {
        dropped += tail.count - tailLength
        tail.removeFirst(tail.count - tailLength)
    }

    private static func size(_ bytes: Int) -> String {
        bytes % (1 << 20) == 0 ? "\(bytes >> 20) MiB" : "\(bytes >> 10) KiB"
    }
}
