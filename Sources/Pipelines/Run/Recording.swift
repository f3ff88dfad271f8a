import Logging

extension RunDependencies {
    /// Between two tries to record something.
    private static let pause = Duration.seconds(1)

    /// Does what writes down how something ended, again and again while the disk is full, or the database kept locked,
    /// or not to be written: a run must not stay `running` because there was no room for its last word. Nothing but the
    /// server going down ends it; the next one claims the run again.
    @discardableResult
    func recording<Result: Sendable>(
        run: Int64,
        _ body: () async throws -> Result
    ) async throws -> Result {
        var said: HistoryError?
        while true {
            do {
                return try await body()
            } catch let error as HistoryError where error.mayPass && !stopping.isSet {
                if said != error {
                    logger.error(
                        "What became of a run cannot be recorded yet, and is as soon as it can be",
                        metadata: ["run.id": "\(run)", "error": "\(error)"]
                    )
                }
                said = error
                // In a task of its own: a cancel must not make this a busy loop.
                await Task.detached { try? await Task.sleep(for: Self.pause) }.value
            }
        }
    }
}

extension HistoryError {
    /// What is said of a run that met it.
    var reason: Reason {
        switch code {
        case .diskFull: Reason.diskFull(message)
        case .busy:
            Reason("database-busy", "\(message) See which program has fairlead.db open, and run the run again.")
        case .readOnly:
            Reason("database-read-only", "\(message) Let the server write in its data folder, and run the run again.")
        case .io: Reason("database-io", "\(message) See whether the disk is well, and run the run again.")
        case .corrupt: Reason("database-damaged", "\(message) Stop the server, and `fairlead restore` a backup.")
        default: Reason("internal", message)
        }
    }
}

extension Reason {
    /// The same, by the name of its cause if that is a full disk: whoever met it, be it the database, git or a tool, it
    /// is mended in one way.
    func namingFullDisk(_ error: any Error) -> Reason {
        // The C library's words (ENOSPC), which tools and libraries pass on, and Foundation's.
        let isFull =
            message.lowercased().contains("no space left on device") || "\(error)".contains("fileWriteOutOfSpace")
        return isFull ? .diskFull(message) : self
    }

    fileprivate static func diskFull(_ message: String) -> Reason {
        Reason("disk-full", "\(message); make room on the server's disk and start the run again")
    }
}
