enum PushField: String, FieldName {
    case ref, before, after, created, deleted, forced, compare, repository, pusher, sender
    case headCommit = "head_commit"

    static let keys = FieldKeys(Self.self)
}

private enum RepositoryField: String, FieldName {
    case id
    case fullName = "full_name"
    case cloneURL = "clone_url"
    case gitURL = "git_url"
    case sshURL = "ssh_url"
    case htmlURL = "html_url"
    case defaultBranch = "default_branch"
    case isPrivate = "private"

    static let keys = FieldKeys(Self.self)
}

private enum CommitField: String, FieldName {
    case id, message, timestamp, author

    static let keys = FieldKeys(Self.self)
}

private enum PersonField: String, FieldName {
    case name, username, login

    static let keys = FieldKeys(Self.self)
}

extension PushEvent {
    init(_ fields: JSONFields<PushField>) throws {
        let ref = try fields.string(.ref)
        guard isFullRef(ref) else { throw fields.fault(.ref, "it is not the full name of a ref that git allows") }
        let before = try fields.revision(.before)
        let after = try fields.revision(.after)
        guard before.utf8.count == after.utf8.count else {
            throw fields.fault(.after, "it is not of the same kind of hash as before")
        }
        let isGone = after.utf8.allSatisfy { $0 == UInt8(ascii: "0") }
        let deleted = try fields.optionalBool(.deleted) ?? isGone
        guard deleted == isGone else {
            throw fields.fault(.deleted, "it must be true if after is all zeros, and only then")
        }
        let repository = try Repository(fields.object(.repository, RepositoryField.self))
        let headCommit = try fields.optionalObject(.headCommit, CommitField.self).map(HeadCommit.init)
        // A branch always leads to a commit; a tag may name a tree or a blob.
        guard headCommit != nil || deleted || !ref.hasPrefix("refs/heads/") else {
            throw fields.fault(.headCommit, "it is missing")
        }
        self.init(
            ref: ref,
            before: before,
            after: after,
            created: try fields.optionalBool(.created) ?? before.utf8.allSatisfy { $0 == UInt8(ascii: "0") },
            deleted: deleted,
            forced: try fields.optionalBool(.forced) ?? false,
            repository: repository,
            headCommit: headCommit,
            pusher: try fields.optionalObject(.pusher, PersonField.self)?.optionalString(.name),
            compare: try fields.optionalString(.compare),
            sender: try fields.optionalObject(.sender, PersonField.self)?.optionalString(.login)
        )
    }
}

extension PushEvent.Repository {
    fileprivate init(_ fields: JSONFields<RepositoryField>) throws {
        let id = try fields.integer(.id)
        guard id > 0 else { throw fields.fault(.id, "it is not a positive number") }
        let fullName = try fields.string(.fullName)
        guard isOwnerAndName(fullName) else { throw fields.fault(.fullName, "it is not of the form owner/name") }
        self.init(
            id: id,
            fullName: fullName,
            cloneURL: try fields.optionalString(.cloneURL),
            gitURL: try fields.optionalString(.gitURL),
            sshURL: try fields.optionalString(.sshURL),
            htmlURL: try fields.optionalString(.htmlURL),
            defaultBranch: try fields.optionalString(.defaultBranch),
            isPrivate: try fields.optionalBool(.isPrivate) ?? true
        )
    }
}

extension PushEvent.HeadCommit {
    fileprivate init(_ fields: JSONFields<CommitField>) throws {
        let author = try fields.optionalObject(.author, PersonField.self)
        self.init(
            id: try fields.revision(.id),
            message: try fields.string(.message),
            timestamp: try fields.optionalString(.timestamp),
            authorName: try author?.optionalString(.name),
            authorUsername: try author?.optionalString(.username)
        )
    }
}

extension JSONFields {
    /// The hash of a git object, SHA-1 or SHA-256, in lower case.
    fileprivate func revision(_ name: Name) throws -> String {
        let revision = try string(name)
        guard [40, 64].contains(revision.utf8.count), revision.utf8.allSatisfy({ hexDigit($0) != nil }) else {
            throw fault(name, "it is not a revision of 40 or 64 hexadecimal digits")
        }
        return revision.lowercased()
    }
}

/// Two names of letters, digits, `-`, `_` and `.`, neither of them `.` or `..`: GitHub allows no others, and the name
/// ends up in paths and addresses.
private func isOwnerAndName(_ fullName: String) -> Bool {
    let parts = fullName.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    return parts.count == 2
        && parts.allSatisfy { part in
            !part.isEmpty && !part.elementsEqual(".".utf8) && !part.elementsEqual("..".utf8)
                && part.allSatisfy { byte in
                    switch byte {
                    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                        UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                        UInt8(ascii: "."):
                        true
                    default: false
                    }
                }
        }
}
