import FoundationEssentials
import Git

extension RunDependencies {
    /// Removes what a server that was killed left lying about: checkouts, minted credentials, half-written packs, working containers, and
    /// pods of no release. It is called at the start, before anything is claimed.
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
        try await podmanTarget?.sweep(live: try await liveOnThisMachine())
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
