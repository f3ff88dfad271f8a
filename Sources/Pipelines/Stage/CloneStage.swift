import Git
import GitHub

/// Fetches the ref, decides whether the run has anything to do, and checks the revision out.
///
/// The payload is a hint, the repository is the truth: what needs the repository is decided here.
struct CloneStage: Sendable {
    let run: RunInProgress
    let log: any StageLog

    func run() async throws -> CloneOutput {
        do {
            // A little before the stage's own deadline, which does not know what it waited for.
            let end = ContinuousClock.now + .seconds(run.needs.limits.cloneDeadline * 0.95)
            return try await withBackoff(for: run.needs.limits.retryFor, until: end, log: log) {
                try await words { try await run.workspace.withSoundMirror(log: log) { try await clone() } }
            }
        } catch let error as GitError {
            throw error.stageError
        }
    }

    private func clone() async throws -> CloneOutput {
        let mirror = try await run.workspace.mirror
        let revision = try await revision(mirror)
        let commit = try await mirror.commit(revision)
        try await run.needs.history.setRevision(
            run: run.id,
            revision: revision,
            message: commit.message,
            author: commit.author,
            forced: try await isForced(revision, mirror)
        )
        try await skipIfNothingToDo(revision, mirror)
        log.line("checking out \(revision)")
        try await run.workspace.ensure(revision)
        return CloneOutput(
            revision: revision,
            commitTime: commit.commitTime,
            contextTrees: try await contextTrees(revision, mirror),
            tree: try await mirror.treeID(revision, path: "") ?? "",
            chartSHA256: try await chartSHA256()
        )
    }

    /// Nil where the chart is in the repository.
    private func chartSHA256() async throws -> String? {
        guard case .helm(let helm) = run.definition.deploy.manifests, helm.isRemote else { return nil }
        if let wanted = helm.sha256 { return wanted }
        let source = ChartSource(client: run.needs.client, limits: run.needs.limits)
        return try await source.fetch(helm.chart, sha256: nil, log: log).sha256
    }

    /// Whoever runs a run again wants its revision, wherever the branch is by now.
    private func revision(_ mirror: Mirror) async throws -> String {
        guard isRerun, let revision = run.record.revision else {
            return try await settle(head: try await fetch(), mirror)
        }
        log.line("\(revision), as the run had it")
        try await run.workspace.keep(revision)
        return revision
    }

    private var isRerun: Bool { run.record.rerun != nil }

    private func fetch() async throws -> String {
        log.line("fetching \(run.record.ref) from \(run.definition.source.url)")
        return try await run.workspace.head(of: run.record.ref) { progress in
            if progress.receivedObjects == progress.totalObjects, progress.resolvedDeltas == progress.totalDeltas {
                log.line("received \(progress.receivedObjects) objects, \(progress.receivedBytes) bytes")
            }
        }
    }

    /// The revision to deploy: the pushed one if it is the head; for a manual run the one asked for, else the head.
    private func settle(head: String, _ mirror: Mirror) async throws -> String {
        guard let wanted = run.record.revision, wanted != head else { return head }
        guard try await arrives(wanted, head: head, mirror) else {
            throw StageError(
                .failed,
                "revision-not-found",
                "revision \(wanted) is not in \(run.record.ref) of the repository, also after "
                    + "\(Duration.seconds(run.needs.limits.revisionWait).inWords); push it, or start a run of the head"
            )
        }
        if run.record.trigger == .manual { return wanted }
        let newHead = try await fetch()
        if wanted == newHead { return wanted }
        let marker = try await skipMarker(of: newHead, mirror)
        // Nothing takes over from what a head that asks to be skipped was put on top of.
        var mayGoOn = run.definition.onPush == .queue
        if marker != nil { mayGoOn = try await mirror.isAncestor(wanted, of: newHead) }
        if mayGoOn, try await isDescendantOfLive(wanted, mirror) { return wanted }
        throw try await superseded(by: newHead, skipMarker: marker)
    }

    /// GitHub's webhooks outrun its git servers: a revision that is not there yet is asked for again. It will not come if a
    /// later push has put the branch to where it is: somebody forced it elsewhere before it was fetched.
    private func arrives(_ revision: String, head: String, _ mirror: Mirror) async throws -> Bool {
        let end = ContinuousClock.now + Duration.seconds(run.needs.limits.revisionWait)
        var (head, wait) = (head, Duration.milliseconds(500))
        while true {
            if try await mirror.contains(revision) { return true }
            if run.record.trigger != .manual, try await laterRun()?.revision == head {
                throw try await superseded(by: head, skipMarker: nil)
            }
            if ContinuousClock.now + wait > end { return false }
            log.line("revision \(revision) is not there yet; asking again in \(wait.inWords)")
            try await Task.sleep(for: wait)
            wait = min(wait * 2, .seconds(5))
            head = try await fetch()
        }
    }

    /// The newest of the pushes to the same ref that wait.
    private func laterRun() async throws -> RunRecord? {
        let (history, record) = (run.needs.history, run.record)
        let newer = try await history.newerRun(than: run.id, pipeline: record.pipeline, ref: record.ref)
        guard let newer else { return nil }
        return try await history.record(run: newer)
    }

    private func skipMarker(of revision: String, _ mirror: Mirror) async throws -> String? {
        GitHub.skipMarker(in: try await mirror.commit(revision).message)
    }

    private func isDescendantOfLive(_ revision: String, _ mirror: Mirror) async throws -> Bool {
        guard let live = try await run.needs.history.live(environment: run.definition.environment)?.revision else {
            return true
        }
        guard try await mirror.contains(live) else { return false }
        return try await mirror.isAncestor(live, of: revision)
    }

    /// The branch has moved on. The head's run takes over; if no delivery announced the head, one is queued for it.
    private func superseded(by head: String, skipMarker: String?) async throws -> StageError {
        let successor = try await run.needs.history.runForHead(head, insteadOf: run.record, skipMarker: skipMarker)
        return StageError(
            .superseded,
            "branch-moved-on",
            "\(run.record.ref) has moved on to \(head)",
            successor: successor
        )
    }

    private func isForced(_ revision: String, _ mirror: Mirror) async throws -> Bool {
        guard let live = try await run.needs.history.live(environment: run.definition.environment),
            let before = live.revision, before != revision, try await mirror.contains(before)
        else { return false }
        return try await !mirror.isAncestor(before, of: revision)
    }

    private func skipIfNothingToDo(_ revision: String, _ mirror: Mirror) async throws {
        guard run.record.trigger != .manual, !isRerun,
            let live = try await run.needs.history.live(environment: run.definition.environment)
        else { return }
        if live.revision == revision {
            throw StageError(.skipped, "already-live", "\(revision) is live already, since run \(live.run)")
        }
        let globs = run.definition.source.paths
        guard !globs.isEmpty, run.definition.source.tags == nil, let base = live.revision,
            try await mirror.contains(base), try await mirror.isAncestor(base, of: revision)
        else { return }
        let changed = try await mirror.changedPaths(from: base, to: revision)
        if !changed.contains(where: { path in globs.contains { globMatches($0, path) } }) {
            throw StageError(
                .skipped,
                "no-matching-paths",
                "none of the \(changed.count) changed paths since \(base) matches source.paths"
            )
        }
    }

    private func contextTrees(_ revision: String, _ mirror: Mirror) async throws -> [String: String] {
        var trees: [String: String] = [:]
        for image in run.definition.images {
            guard let tree = try await mirror.treeID(revision, path: image.context) else {
                throw StageError(
                    .failed,
                    "context-missing",
                    "image \(image.name): there is no folder \(image.context) at \(revision); mend images.\(image.name).context"
                )
            }
            trees[image.name] = tree
        }
        return trees
    }

    /// A passing fault of the network becomes `errored` before the backoff sees it.
    private func words(_ body: () async throws -> CloneOutput) async throws -> CloneOutput {
        do {
            return try await body()
        } catch let error as GitError where error.isTransient {
            throw error.stageError
        }
    }
}

extension GitError {
    /// A wrong repository, branch or tree is a verdict; the network and credentials are technical. The sentence ends
    /// with what to do, where libgit2 or the wrapper does not say so.
    var stageError: StageError {
        switch code {
        case .notFound:
            verdict(
                "repository-not-found",
                "mend the pipeline's source, or git.credentials in fairlead.yaml if the repository is private"
            )
        case .refNotFound: verdict("ref-not-found", "push it, or mend the pipeline's source")
        case .revisionNotFound: verdict("revision-not-found", "push it, or start a run of what is there")
        case .unsafePath: verdict("unsafe-path", "take it out of the repository")
        case .unsafeSubmodule:
            verdict("unsafe-submodule", "give it an https or ssh address in .gitmodules, or take it out")
        case .authentication: technical("git-authentication", "mend git.credentials in fairlead.yaml")
        case .certificate:
            technical("git-certificate", "name its authority as git.caFile in fairlead.yaml, or renew it")
        case .hostKey: technical("git-host-key", nil)
        case .deadlineExceeded, .idleTimeout:
            technical("git-timeout", "see whether the server is well, or raise the limits of fetches in fairlead.yaml")
        case .network: technical("git-network", "see whether the server runs and can be reached from here")
        case .corrupt, .other, .cancelled: technical("git", nil)
        }
    }

    private func verdict(_ code: String, _ advice: String) -> StageError {
        StageError(.failed, code, "\(message); \(advice)")
    }

    private func technical(_ code: String, _ advice: String?) -> StageError {
        StageError(.errored, code, message + (advice.map { "; \($0)" } ?? ""))
    }
}
