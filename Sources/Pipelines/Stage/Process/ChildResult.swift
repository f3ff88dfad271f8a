/// How a child process ended. A non-zero exit is a result, not an error.
public struct ChildResult: Sendable, Equatable {
    /// Set when the child exited by itself.
    public var exitCode: Int32?
    /// Set when a signal ended the child.
    public var signal: Int32?
    /// The deadline passed and the child was torn down.
    public var timedOut: Bool
    /// The last 4 KiB of what it wrote: stdout and stderr together, or stderr alone where stdout was captured.
    public var tail: String

    /// It exited with 0, in time.
    public var succeeded: Bool { exitCode == 0 && !timedOut }

    /// `exit 7`, `ended by signal 9`, `out of time`: for reasons that people read.
    public var ending: String {
        if timedOut { return "out of time" }
        if let exitCode { return "exit \(exitCode)" }
        return "ended by signal \(signal ?? 0)"
    }

    /// The last lines of the tail that say something, for a reason that people read.
    public func lastLines(_ count: Int) -> String {
        tail.split(separator: "\n").filter { !$0.allSatisfy(\.isWhitespace) }.suffix(count).joined(separator: "\n")
    }
}

/// A program could not be started at all.
public struct ChildError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable { case notFound, notExecutable, notStarted }
    public var code: Code
    public var program: String
    public var message: String

    public var description: String { message }
}

/// The last bytes of a stream, cut at a character's border.
struct Tail {
    static let limit = 4096
    private var bytes: [UInt8] = []

    mutating func append(_ chunk: [UInt8]) {
        bytes.append(contentsOf: chunk.suffix(Self.limit))
        // Twice the limit is kept, so that short writes do not move the whole buffer each time.
        if bytes.count > 2 * Self.limit { bytes.removeFirst(bytes.count - Self.limit) }
    }

    var text: String {
        var end = bytes.suffix(Self.limit)
        if end.count < bytes.count { end = end.drop { $0 & 0xC0 == 0x80 } }
        return String(decoding: end, as: UTF8.self)
    }
}
