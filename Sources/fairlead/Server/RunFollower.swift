import FoundationEssentials

/// Shows a run in the terminal while it happens: each stage, its log as it comes, and how it ends.
struct RunFollower: Sendable {
    /// A run as the API shows it; as much of it as is needed here.
    struct Run: Decodable, Sendable {
        struct Reason: Decodable, Sendable { let message: String }
        struct Undo: Decodable, Sendable { let status: String, reason: String }
        struct Stage: Decodable, Sendable {
            let name: String
            let status: String
            let attempt: Int
            let duration: Double?
        }
        let id: Int64
        let pipeline: String
        let status: String
        let reason: Reason?
        let undo: Undo?
        let stages: [Stage]

        var isOver: Bool { status != "queued" && status != "running" }
    }

    /// How often the run is asked for.
    private static let interval = Duration.milliseconds(100)

    let fetch: @Sendable (Int64) async throws -> Run
    /// The log of a stage from an offset on, and the offset to go on from.
    let log: @Sendable (_ run: Int64, _ stage: String, _ attempt: Int, _ after: Int64) async throws -> (String, Int64)

    /// Follows the run to its end and returns it.
    func follow(_ id: Int64) async throws -> Run {
        var offsets: [String: Int64] = [:]
        var begun: Set<String> = []
        var ended: Set<String> = []
        while true {
            let run = try await fetch(id)
            for stage in run.stages where stage.attempt > 0 && !ended.contains(key(stage)) {
                if begun.insert(key(stage)).inserted { printNow("\(stage.name)") }
                let (text, next) = try await log(id, stage.name, stage.attempt, offsets[key(stage)] ?? 0)
                offsets[key(stage)] = next
                for line in text.split(separator: "\n", omittingEmptySubsequences: false).filter({ !$0.isEmpty }) {
                    printNow("  | \(line)")
                }
                if stage.status != "running" {
                    ended.insert(key(stage))
                    printNow("  \(stage.status)\(stage.duration.map { " in \(rounded($0)) s" } ?? "")")
                }
            }
            if run.isOver {
                printNow("run \(run.id) \(run.status)\(run.reason.map { ": \($0.message)" } ?? "")")
                if let undo = run.undo { printNow("undo \(undo.status): \(undo.reason)") }
                return run
            }
            try await Task.sleep(for: Self.interval)
        }
    }

    private func key(_ stage: Run.Stage) -> String { "\(stage.name)/\(stage.attempt)" }

    private func rounded(_ seconds: Double) -> String {
        let tenths = Int((seconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
