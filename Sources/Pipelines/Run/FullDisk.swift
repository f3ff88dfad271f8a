import Logging

extension RunDependencies {
    /// Between two tries to record something while the disk is full, or another program keeps the database locked.
    private static let pause = Duration.seconds(1)

    /// Does what writes down how something ended, again and again while the disk is full or the database is locked: a
    /// run must not stay `running`, and its lane stand still, because its last word could not be written. Nothing but the server going down ends it; the next one claims the run
    /// again.
    @discardableResult
    func recording<Result: Sendable>(
        run: Int64,
        _ body: () async throws -> Result
    ) async throws -> Result {
        var isSaid = false
        while true {
            do {
                return try await body()
            } catch let error as HistoryError where [.diskFull, .busy].contains(error.code) && !stopping.isSet {
                if !isSaid {
                    logger.error(
                        "What became of a run cannot be recorded yet, and is as soon as it can be",
                        metadata: ["run.id": "\(run)", "error": "\(error)"]
                    )
                }
                isSaid = true
                // In a task of its own: a cancel must not make this a busy loop.
                await Task.detached { try? await Task.sleep(for: Self.pause) }.value
            }
        }
    }
}

extension Reason {
    /// The same, by the name of its cause if that is a full disk: whoever met it, be it the database, git or a tool, it is
    /// mended in one way.
    func namingFullDisk(_ error: any Error) -> Reason {
        if let error = error as? HistoryError, error.code == .diskFull { return .diskFull(error.message) }
        // The C library's words (ENOSPC), which tools and libraries pass on, and Foundation's.
        let isFull =
            message.lowercased().contains("no space left on device") || "\(error)".contains("fileWriteOutOfSpace")
        return isFull ? .diskFull(message) : self
    }

    private static func diskFull(_ message: String) -> Reason {
        Reason("disk-full", "\(message); make room on the server's disk and start the run again")
    }
}
