import Git
import GitHub

/// Compares the tags of a repository with what is known of them, for a pipeline that deploys tags.
///
/// Of all that were missed, the newest is deployed: a version that was overtaken before anybody could deploy it serves
/// nobody, and GitHub announces none of more than three tags that are pushed together, old ones of an import among them.
struct TagLook: Sendable {
    let needs: RunDependencies
    let entry: PipelineSet.Entry

    private var history: History { needs.history }

    private struct Tag {
        var head: Head
        var time: Int64
        var message: String
    }

    /// - Parameter refs: all refs of the repository, with the commits that they lead to.
    func compare(_ refs: [String: String]) async throws -> HeadComparison {
        let heads = refs.filter { entry.definition.source.deploys($0.key) }.map { entry.head($0.key, $0.value) }
        var result = HeadComparison(at: history.now(), outcome: .known)
        guard try await history.hasSeenTags(of: entry.definition.name) else {
            try await history.noteTags(heads, .firstSight, first: entry.head("refs/tags/", ""))
            result.outcome = .noted
            result.reason = .firstSight
            return result
        }
        var missed = try await missed(among: heads)
        guard let newest = missed.popLast() else { return result }
        result.revision = newest.head.revision
        let overtaken = Reason("overtaken", "\(newest.head.ref) is newer, and was missed as well")
        for tag in missed { try await history.note(tag.head, overtaken) }
        if let reason = try await reasonAgainst(newest) {
            try await history.note(newest.head, reason)
            result.outcome = .noted
            result.reason = reason
        } else if let run = try await history.queueRun(for: newest.head) {
            result.run = run
            result.outcome = .queued
        }
        return result
    }

    /// What nothing is known of, the newest commit last.
    private func missed(among heads: [Head]) async throws -> [Tag] {
        var unknown: [Head] = []
        for head in try await history.unseen(heads) {
            switch try await history.knowledge(of: head) {
            case .firstSight, .missed: unknown.append(head)
            case .run, .seen: break
            }
        }
        guard !unknown.isEmpty else { return [] }
        let mirror = try await mirror
        let fetched = try await mirror.fetch(
            refs: unknown.map(\.ref),
            limits: needs.fetchLimits
        )
        var tags: [Tag] = []
        for head in unknown {
            guard let revision = fetched[head.ref] else { continue }
            let commit = try await mirror.commit(revision)
            var head = head
            head.revision = revision
            tags.append(Tag(head: head, time: commit.commitTime, message: commit.message))
        }
        return tags.sorted { ($0.time, $0.head.ref) < ($1.time, $1.head.ref) }
    }

    private var mirror: Mirror {
        get async throws {
            try await Workspace(name: "reconcile", definition: entry.definition, needs: needs).mirror
        }
    }

    private func reasonAgainst(_ tag: Tag) async throws -> Reason? {
        if let marker = GitHub.skipMarker(in: tag.message) { return .skipMarker(marker) }
        let mirror = try await mirror
        guard let live = try await history.live(environment: entry.definition.environment)?.revision,
            try await mirror.contains(live), try await mirror.isAncestor(tag.head.revision, of: live)
        else { return nil }
        return Reason("behind-live", "\(live), which is live, comes after it")
    }
}
