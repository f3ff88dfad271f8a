/// What a `push` webhook says, as far as it is read. Source: "Webhook events and payloads" in GitHub's documentation.
///
/// A hint, not the truth: the repository itself says what the branch is.
public struct PushEvent: Sendable, Equatable {
    /// Always full and well-formed: `refs/heads/main`. See ``isFullRef(_:)``.
    public let ref: String
    /// The revision before the push: 40 or 64 hexadecimal digits in lower case, all zeros if the ref was created.
    public let before: String
    /// The revision after the push, all zeros if and only if the ref was deleted. For an annotated tag, the tag object.
    public let after: String
    public let created: Bool
    public let deleted: Bool
    public let forced: Bool
    public let repository: Repository
    /// What the ref points to now. There for every branch that was not deleted.
    public let headCommit: HeadCommit?
    /// Who pushed: a user's name, or `deploy key`'s word for it.
    public let pusher: String?
    /// A page that shows what was pushed.
    public let compare: String?
    /// The login of the account that caused the event.
    public let sender: String?

    public init(
        ref: String,
        before: String,
        after: String,
        created: Bool,
        deleted: Bool,
        forced: Bool,
        repository: Repository,
        headCommit: HeadCommit?,
        pusher: String?,
        compare: String?,
        sender: String?
    ) {
        self.ref = ref
        self.before = before
        self.after = after
        self.created = created
        self.deleted = deleted
        self.forced = forced
        self.repository = repository
        self.headCommit = headCommit
        self.pusher = pusher
        self.compare = compare
        self.sender = sender
    }

    /// The first marker in the head commit's message that asks for no run, in lower case and with its brackets.
    ///
    /// GitHub's five ("Skipping workflow runs") and `[skip deploy]`, in any mixture of case.
    public var skipMarker: String? {
        headCommit.flatMap { GitHub.skipMarker(in: $0.message) }
    }

    public struct Repository: Sendable, Equatable {
        /// GitHub's number: it stays when a repository is renamed or transferred.
        public let id: Int64
        /// `owner/name`.
        public let fullName: String
        public let cloneURL: String?
        public let gitURL: String?
        public let sshURL: String?
        public let htmlURL: String?
        public let defaultBranch: String?
        /// True if the payload does not say: what may be private is treated so.
        public let isPrivate: Bool

        public init(
            id: Int64,
            fullName: String,
            cloneURL: String? = nil,
            gitURL: String? = nil,
            sshURL: String? = nil,
            htmlURL: String? = nil,
            defaultBranch: String? = nil,
            isPrivate: Bool
        ) {
            self.id = id
            self.fullName = fullName
            self.cloneURL = cloneURL
            self.gitURL = gitURL
            self.sshURL = sshURL
            self.htmlURL = htmlURL
            self.defaultBranch = defaultBranch
            self.isPrivate = isPrivate
        }
    }

    public struct HeadCommit: Sendable, Equatable {
        /// 40 or 64 hexadecimal digits in lower case. Of a tag, the commit that the tag leads to.
        public let id: String
        public let message: String
        /// ISO 8601, in the author's time zone.
        public let timestamp: String?
        public let authorName: String?
        /// The author's GitHub login, if there is one.
        public let authorUsername: String?

        public init(id: String, message: String, timestamp: String?, authorName: String?, authorUsername: String?) {
            self.id = id
            self.message = message
            self.timestamp = timestamp
            self.authorName = authorName
            self.authorUsername = authorUsername
        }
    }
}

private let skipMarkers = [
    "[skip ci]", "[ci skip]", "[no ci]", "[skip actions]", "[actions skip]", "[skip deploy]",
].map { (text: $0, bytes: Array($0.utf8)) }

/// The first marker in a commit's message that asks for no run, in lower case and with its brackets; nil if there is
/// none. See ``PushEvent/skipMarker``.
public func skipMarker(in message: String) -> String? {
    var rest = message.utf8[...]
    while let bracket = rest.firstIndex(of: UInt8(ascii: "[")) {
        rest = rest[bracket...]
        for marker in skipMarkers where rest.starts(with: marker.bytes, by: { lowercased($0) == $1 }) {
            return marker.text
        }
        rest = rest.dropFirst()
    }
    return nil
}

private func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
