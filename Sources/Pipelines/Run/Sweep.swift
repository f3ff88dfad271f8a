import FoundationEssentials
import Git

extension RunDependencies {
    /// Removes what a server that was killed left lying about: checkouts, half-written packs, working containers, and
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
        try await podman.sweepBuilds()
        try await target.sweep(live: try await history.liveReleases())
    }
}
