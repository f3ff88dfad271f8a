public import GitHub

/// The pipelines in force, and which of them a push concerns. Replaced as a whole when the files are read again.
public struct PipelineSet: Sendable {
    /// A definition and the hash under which History keeps it.
    public struct Entry: Sendable {
        public let definition: Definition
        public let hash: String
    }

    /// What becomes of a push, as far as its payload tells.
    public enum Decision: Sendable {
        case accepted([Entry])
        case ignored(Reason)
    }

    /// In order of name.
    public let entries: [Entry]
    private let byRepository: [String: [Int]]

    /// Registers every definition in `history`, so that runs can refer to it.
    public init(_ definitions: [String: Definition], history: History) async throws {
        var entries: [Entry] = []
        for (_, definition) in definitions.sorted(by: { $0.key < $1.key }) {
            entries.append(Entry(definition: definition, hash: try await history.registerDefinition(definition)))
        }
        self.entries = entries
        byRepository = Dictionary(grouping: entries.indices) { RepositoryKey.of(entries[$0].definition.source) }
    }

    public var definitions: [Definition] { entries.map(\.definition) }

    public subscript(name: String) -> Entry? { entries.first { $0.definition.name == name } }

    /// Decides from the payload only what needs no fetch: deleted refs, skip markers, repository and ref.
    public func decide(_ push: PushEvent) -> Decision {
        if push.deleted { return .ignored(Reason("ref-deleted", "\(push.ref) was deleted")) }
        if let marker = push.skipMarker {
            return .ignored(Reason("skip-marker", "the head commit's message says \(marker)"))
        }
        var candidates: [Int] = []
        for key in RepositoryKey.of(push.repository) {
            if let found = byRepository[key] { candidates += found }
        }
        if candidates.isEmpty {
            return .ignored(Reason("no-pipeline", "no pipeline has \(push.repository.fullName) as its source"))
        }
        let matching = Set(candidates).sorted().map { entries[$0] }.filter { $0.definition.source.deploys(push.ref) }
        if matching.isEmpty {
            return .ignored(
                Reason("ref-not-deployed", "no pipeline of \(push.repository.fullName) deploys \(push.ref)")
            )
        }
        return .accepted(matching)
    }
}

extension Definition.Source {
    /// The full ref of the deployed branch; nil where tags are deployed.
    public var ref: String? { branch.map { "refs/heads/\($0)" } }

    /// Whether a push to `ref` is for this source.
    public func deploys(_ ref: String) -> Bool {
        if let branch { return ref == "refs/heads/\(branch)" }
        guard let tags, ref.hasPrefix("refs/tags/") else { return false }
        return globMatches(tags, String(ref.dropFirst("refs/tags/".count)))
    }
}

/// One spelling for all the ways to write a repository's address: `host/path`, lower case, without `.git`.
enum RepositoryKey {
    static func of(_ source: Definition.Source) -> String {
        if let name = source.github { return "github.com/\(name.lowercased())" }
        return of(url: source.git ?? "")
    }

    /// Every address under which a payload names its repository.
    static func of(_ repository: PushEvent.Repository) -> Set<String> {
        var keys: Set = ["github.com/\(repository.fullName.lowercased())"]
        for url in [repository.cloneURL, repository.gitURL, repository.sshURL, repository.htmlURL] {
            if let url { keys.insert(of(url: url)) }
        }
        return keys
    }

    static func of(url: String) -> String {
        var rest = Substring(url.lowercased())
        if let colon = rest.firstIndex(of: ":"), rest[colon...].hasPrefix("://") {
            rest = rest[colon...].dropFirst(3)
        } else if let colon = rest.firstIndex(of: ":"), !rest[..<colon].contains("/") {
            rest = rest[..<colon] + "/" + rest[rest.index(after: colon)...]
        }
        if let at = rest.firstIndex(of: "@"), !rest[..<at].contains("/") { rest = rest[rest.index(after: at)...] }
        while rest.hasSuffix("/") { rest.removeLast() }
        if rest.hasSuffix(".git") { rest.removeLast(4) }
        return String(rest)
    }
}
