import FoundationEssentials
import Git
import Logging
import Signing

/// Takes away, in the background, what is older or more than the settings say: see ``Retention``.
public struct RetentionKeeper: Sendable {
    private let needs: RunDependencies
    private let registry: EmbeddedRegistry?

    /// After the start: what is to be done then comes first.
    private static let settling = Duration.seconds(60)
    /// Between two looks.
    private static let interval = Duration.seconds(3600)

    /// - Parameter registry: the one that this server runs, if it runs one.
    public init(_ needs: RunDependencies, registry: EmbeddedRegistry?) {
        self.needs = needs
        self.registry = registry
    }

    /// Works until the task is cancelled.
    ///
    /// - Parameter definitions: the pipelines as they are at the time.
    public func run(_ definitions: @escaping @Sendable () -> [Definition]) async {
        try? await Task.sleep(for: Self.settling)
        while !Task.isCancelled {
            await look(definitions())
            try? await Task.sleep(for: Self.interval)
        }
    }

    /// One look at everything. What cannot be done now is said, and done at the next.
    func look(_ definitions: [Definition]) async {
        await attempt("history") {
            let deleted = try await Expiry(history: needs.history, rules: needs.settings.retention).run()
            if deleted != Expiry.Deleted() { say("Deleted old history", ["deleted": "\(deleted)"]) }
        }
        await attempt("mirrors") { try await deleteMirrors(definitions) }
        if let registry {
            await attempt("images") {
                let cleaner = EmbeddedCleaner(registry: registry, needs: needs)
                if let count = try await cleaner.clean(), count > 0 {
                    say("Deleted old images", ["images": "\(count)"])
                }
            }
        }
        if let podman = needs.podmanHere {
            await attempt("podman's storage") {
                let count = try await StorageCleaner(podman: podman, needs: needs).clean()
                if count > 0 { say("Deleted images of podman's that nothing needs", ["images": "\(count)"]) }
            }
        }
    }

    private func attempt(_ what: String, _ body: () async throws -> Void) async {
        do {
            try await body()
        } catch is CancellationError {
        } catch {
            needs.logger.warning(
                "What is old could not be deleted",
                metadata: ["what": "\(what)", "error": "\(error)"]
            )
        }
    }

    private func say(_ message: Logger.Message, _ metadata: Logger.Metadata) {
        needs.logger.notice(message, metadata: metadata)
    }

    /// Mirrors of repositories that neither a pipeline nor a run that is to come names, and that nobody has fetched for a
    /// while. A checkout goes with its run; one that was left is swept at the start.
    private func deleteMirrors(_ definitions: [Definition]) async throws {
        var used = Set(definitions.map { Workspace.mirrorName($0.source) })
        for run in try await needs.history.unfinishedRuns() {
            if let definition = try await needs.history.definition(run: run) {
                used.insert(Workspace.mirrorName(definition.source))
            }
        }
        let files = FileManager.default
        let folder = "\(needs.dataFolder)/mirrors"
        let limit = Date(timeIntervalSinceNow: -Double(needs.settings.retention.mirrors) * 86_400)
        for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where !used.contains(name) {
            let path = "\(folder)/\(name)"
            // Each fetch that brings anything writes a pack or a ref.
            let times = ["", "/objects/pack", "/refs/heads", "/refs/tags"].compactMap {
                (try? files.attributesOfItem(atPath: path + $0))?[.modificationDate] as? Date
            }
            guard let newest = times.max(), newest < limit else { continue }
            try files.removeItem(atPath: path)
            say("Deleted the mirror of a repository that no pipeline deploys", ["mirror": "\(name)"])
        }
    }
}
