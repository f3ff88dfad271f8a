/// Where a stage writes what happens, line by line. Secrets are masked before a byte is kept.
///
/// Writing never blocks and never throws: the log is bounded, and what is cut is marked.
public protocol StageLog: Sendable {
    /// Bytes as a child process wrote them; they need not end a line.
    func write(_ bytes: [UInt8])
}

extension StageLog {
    /// One line of Fairlead's own.
    public func line(_ text: String) { write(Array((text + "\n").utf8)) }
}
