import FoundationEssentials
import Git
import Logging

extension RunDependencies {
    /// Removes what a server that was killed left lying about: checkouts, minted credentials, half-written packs,
    /// working containers, and pods of no release. It is called at the start, before anything is claimed.
    public func sweep() async throws {
        let files = FileManager.default
        let mirrors = "\(dataFolder)/mirrors"
        for mirror in (try? files.contentsOfDirectory(atPath: mirrors)) ?? [] { Mirror.sweep("\(mirrors)/\(mirror)") }
        let unfinished = try await history.unfinishedRuns()
        for name in (try? files.contentsOfDirectory(atPath: "\(dataFolder)/checkouts")) ?? []
        where !unfinished.contains(where: { name == "run-\($0)" || name == "run-\($0).revision" }) {
            try? files.removeItem(atPath: "\(dataFolder)/checkouts/\(name)")
        }
        for name in (try? files.contentsOfDirectory(atPath: dataFolder)) ?? [] where name.hasPrefix("login-") {
            try? files.removeItem(atPath: "\(dataFolder)/\(name)")
        }
        try await podman.sweepBuilds()
        guard let podmanTarget else { return }
        let live = try await liveOnThisMachine()
        try await podmanTarget.sweep(live: live)
        await makeAgain(live)
    }

    /// How long the start may wait for pods that had to be made again, all together.
    private static let patience = Duration.seconds(30)

    /// What is live is to run, whatever became of its pods. Where that fails, the server starts all the same: a run may
    /// mend it.
    private func makeAgain(_ live: [String: Int64]) async {
        let end = ContinuousClock.now + Self.patience
        for (environment, id) in live.sorted(by: { $0.key < $1.key }) {
            do {
                guard let record = try await history.release(id) else { continue }
                let (release, definition) = try await open(record)
                guard let target = try target(of: definition, run: nil) as? PodmanDeploy else { continue }
                try await target.makeAgain(release, log: LoggerLog(logger), deadline: end)
            } catch {
                logger.error(
                    "What is live does not run, and could not be started: start a run of the pipeline",
                    metadata: [
                        "environment": "\(environment)", "release": "\(id)", "error": "\(reason(of: error).message)",
                    ]
                )
            }
        }
    }

    /// Environment → the release that is live in it, of those that podman runs.
    private func liveOnThisMachine() async throws -> [String: Int64] {
        var live: [String: Int64] = [:]
        for (environment, release) in try await history.liveReleases() {
            guard let record = try await history.release(release) else { continue }
            // One whose definition cannot be read is left as it is: it may serve somebody.
            let isElsewhere = try await history.definition(run: record.run)?.deploy.target.isCluster ?? false
            if !isElsewhere { live[environment] = release }
        }
        return live
    }
}
