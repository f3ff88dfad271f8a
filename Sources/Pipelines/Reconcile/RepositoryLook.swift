import Git
import GitHub
import Logging

/// One look at a repository for all of its pipelines.
struct RepositoryLook: Sendable {
    let needs: RunDependencies
    let entries: [PipelineSet.Entry]
    /// GitHub's last answers, by repository and ref.
    let answers: Locked<[String: BranchHead]>

    private var history: History { needs.history }

    func compare() async -> [(PipelineSet.Entry, HeadComparison)] {
        var results: [(PipelineSet.Entry, HeadComparison)] = []
        let refs = Refs(look: self)
        for entry in entries {
            do {
                results.append((entry, try await compare(entry, refs)))
            } catch {
                results.append((entry, .init(at: history.now(), outcome: .failed, reason: needs.reason(ofLook: error))))
            }
        }
        return results
    }

    private func compare(_ entry: PipelineSet.Entry, _ refs: Refs) async throws -> HeadComparison {
        let source = entry.definition.source
        guard let ref = source.ref else {
            return try await TagLook(needs: needs, entry: entry).compare(try await refs.all(source))
        }
        return try await compare(entry, ref: ref, at: try await refs.revision(of: ref, source))
    }

    private func compare(_ entry: PipelineSet.Entry, ref: String, at revision: String?) async throws -> HeadComparison {
        guard let revision else {
            throw StageError(
                .failed,
                "ref-not-found",
                "\(entry.definition.source.repository) has no \(ref); push it, or mend the pipeline's source"
            )
        }
        var head = entry.head(ref, revision)
        var knowledge = try await history.knowledge(of: head)
        var result = HeadComparison(at: history.now(), outcome: .known, revision: revision)
        if knowledge == .missed {
            let workspace = Workspace(name: "reconcile", definition: entry.definition, needs: needs)
            // What it was at a moment ago may be old by now: what is fetched counts.
            let fetched = try await workspace.withSoundMirror(log: LoggerLog(needs.logger)) {
                let revision = try await workspace.head(of: ref) { _ in }
                return (revision: revision, message: try await workspace.mirror.commit(revision).message)
            }
            head.revision = fetched.revision
            knowledge = try await history.knowledge(of: head)
            result.revision = head.revision
            if knowledge == .missed, let marker = GitHub.skipMarker(in: fetched.message) {
                return try await note(head, .skipMarker(marker), result)
            }
        }
        switch knowledge {
        case .run: break
        case .seen(let reason): result.reason = reason
        case .firstSight: return try await note(head, .firstSight, result)
        case .missed:
            result.run = try await history.queueRun(for: head)
            if result.run != nil { result.outcome = .queued }
        }
        return result
    }

    private func note(_ head: Head, _ reason: Reason, _ result: HeadComparison) async throws -> HeadComparison {
        try await history.note(head, reason)
        var result = result
        result.outcome = .noted
        result.reason = reason
        return result
    }

    // MARK: - What the repository says

    /// The refs of the repository, asked for at most once in a look.
    private actor Refs {
        let look: RepositoryLook
        private var listed: [String: String]?

        init(look: RepositoryLook) { self.look = look }

        func all(_ source: Definition.Source) async throws -> [String: String] {
            if let listed { return listed }
            let refs = try await look.remoteRefs(source)
            listed = refs
            return refs
        }

        /// GitHub's API costs it, and us, less than a list of all refs. Where it does not answer, or the credential is for
        /// something else, git is asked, as it is for a clone.
        func revision(of ref: String, _ source: Definition.Source) async throws -> String? {
            if listed == nil, let revision = await look.askGitHub(source) { return revision }
            return try await all(source)[ref]
        }
    }

    private func remoteRefs(_ source: Definition.Source) async throws -> [String: String] {
        try await Git.remoteRefs(
            url: source.url,
            credential: try await needs.gitCredential(for: source),
            caFile: needs.settings.git.caFile,
            limits: needs.fetchLimits
        )
    }

    private func askGitHub(_ source: Definition.Source) async -> String? {
        guard let api = needs.github, let branch = source.branch,
            let repository = ReportRules(needs.settings)?.repository(of: source)
        else { return nil }
        let key = "\(repository) \(branch)"
        do {
            let head = try await api.head(ofBranch: branch, in: repository, known: answers.withLock { $0[key] })
            answers.withLock { $0[key] = head }
            return head.revision
        } catch {
            needs.logger.debug("GitHub's API does not say the head", metadata: ["error": "\(error)"])
            return nil
        }
    }
}

extension PipelineSet.Entry {
    func head(_ ref: String, _ revision: String) -> Head {
        Head(
            pipeline: definition.name,
            environment: definition.environment,
            definitionHash: hash,
            ref: ref,
            revision: revision
        )
    }
}

extension RunDependencies {
    /// Why a repository could not be looked at, in the words that a run would have for it.
    func reason(ofLook error: any Error) -> Reason {
        reason(of: (error as? GitError)?.stageError ?? error)
    }
}
