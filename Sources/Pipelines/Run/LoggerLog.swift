public import Logging

/// A stage log that goes to the server's own log: for what happens outside of any stage.
public struct LoggerLog: StageLog {
    private let logger: Logger

    public init(_ logger: Logger) { self.logger = logger }

    public func write(_ bytes: [UInt8]) {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            logger.info("Stage output", metadata: ["line": "\(line)"])
        }
    }
}
