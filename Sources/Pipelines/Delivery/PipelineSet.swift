public import GitHub

/// The pipelines in force, and which of them a push concerns. Replaced as a whole when the files are read again.
public struct PipelineSet: Sendable {
    /// A definition and the hash under which History keeps it. A class, because every push is handed some: copying a
    /// definition is dozens of reference counts.
    public final class Entry: Sendable {
        public let definition: Definition
        public let hash: String

        init(definition: Definition, hash: String) {
            self.definition = definition
            self.hash = hash
        }
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
        var candidates: Set<Int> = []
        for key in RepositoryKey.of(push.repository) {
            if let found = byRepository[key] { candidates.formUnion(found) }
        }
        if candidates.isEmpty {
            return .ignored(Reason("no-pipeline", "no pipeline has \(push.repository.fullName) as its source"))
        }
        let matching = candidates.sorted().map { entries[$0] }.filter { $0.definition.source.deploys(push.ref) }
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

    /// Every address under which a payload names its repository: for GitHub's own, one and the same five times.
    static func of(_ repository: PushEvent.Repository) -> [String] {
        var keys = ["github.com/\(repository.fullName.lowercased())"]
        for url in [repository.cloneURL, repository.gitURL, repository.sshURL, repository.htmlURL] {
            guard let key = url.map(of(url:)), !keys.contains(key) else { continue }
            keys.append(key)
        }
        return keys
    }

    /// In bytes and not in characters: every address of every push comes through here.
    static func of(url: String) -> String {
        var rest = url.lowercased()[...].utf8
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")) {
            let behind = rest[colon...].dropFirst()
            if behind.starts(with: "//".utf8) {
                rest = behind.dropFirst(2)
            } else if !rest[..<colon].contains(UInt8(ascii: "/")) {
                rest = Substring("\(Substring(rest[..<colon]))/\(Substring(behind))").utf8
            }
        }
        if let at = rest.firstIndex(of: UInt8(ascii: "@")), !rest[..<at].contains(UInt8(ascii: "/")) {
            rest = rest[at...].dropFirst()
        }
        while rest.last == UInt8(ascii: "/") { rest.removeLast() }
        if rest.suffix(4).elementsEqual(".git".utf8) { rest.removeLast(4) }
        return String(Substring(rest))
    }
}
