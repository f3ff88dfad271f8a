import CGit2
import Glibc

/// A bare copy of one repository on disk, with the refs that are deployed and no others.
///
/// Every call runs on a thread of its own with a repository handle of its own, so any number may run at once; fetches
/// of one mirror wait for each other. Cancelling the task ends the call within a fraction of a second.
public final class Mirror: Sendable {
    /// The mirror's folder.
    public let path: String
    let url: RemoteURL
    let credential: GitCredential
    let caFile: String?
    let submodules: SubmodulePolicy
    let gate: MirrorGate

    /// Opens the bare mirror at a path, or makes one, readable by its owner only. No server is asked.
    ///
    /// - Parameters:
    ///   - url: https, http, ssh (also `user@host:path`) or file, or an absolute path for a file source. A user and
    ///     password in it serve as the credential where there is no other.
    ///   - caFile: certificate authorities (PEM) that are trusted besides those of the system.
    /// - Throws: `GitError` for an address that does not parse, or a folder that cannot be made or is not a repository.
    public init(
        path: String,
        url: String,
        credential: GitCredential = .none,
        caFile: String? = nil,
        submodules: SubmodulePolicy = .checkOut
    ) throws {
        Library.start()
        let parsed = try RemoteURL(url)
        let path = Repository.absolute(path)
        try Repository.create(at: path)
        self.path = path
        self.url = parsed
        self.credential = parsed.credential(or: credential)
        self.caFile = caFile
        self.submodules = submodules
        gate = MirrorGate.of(path)
    }

    /// Nothing is held open between calls, so nothing has to be closed; this is for symmetry in the caller.
    public func close() {}

    /// Fetches these refs by their full names (`refs/heads/main`, `refs/tags/v1`), only what is new of them, and stores
    /// each under its own name.
    ///
    /// - Returns: for each ref the commit that the server has it at, behind an annotated tag.
    /// - Throws: `GitError`; `refNotFound` names the first ref that the server does not have, and nothing is fetched.
    public func fetch(
        refs: [String],
        limits: FetchLimits = .init(),
        progress: (@Sendable (FetchProgress) -> Void)? = nil
    ) async throws -> [String: String] {
        for ref in refs { try Self.checkRef(ref) }
        // libgit2 takes an empty list to mean the default branch.
        if refs.isEmpty { return [:] }
        return try await onOwnThread(Job(limits: limits)) { [self] job in
            try gate.fetching(job) {
                try Repository.with(path) { repository in
                    let transfer = Transfer(
                        job: job,
                        url: url,
                        credential: credential,
                        caFile: caFile,
                        progress: progress
                    )
                    return try Self.fetch(refs, into: repository, by: transfer)
                }
            }
        }
    }

    private static func fetch(
        _ refs: [String],
        into repository: Repository,
        by transfer: Transfer
    ) throws -> [String: String] {
        let ids = try transfer.withConnection(to: repository.pointer) { heads in
            let all = Dictionary(heads.map { ($0.name, $0.id) }, uniquingKeysWith: { first, _ in first })
            var ids: [String: String] = [:]
            for ref in refs {
                guard let id = all[ref] else {
                    throw GitError(.refNotFound, "\(transfer.url.display) has no \(ref)")
                }
                ids[ref] = id
            }
            try transfer.download(refs.map { "+\($0):\($0)" })
            return ids
        }
        var commits: [String: String] = [:]
        for (ref, hex) in ids {
            guard let id = ObjectID(hex: hex) else { throw GitError(.corrupt, "\(ref) is not at an object") }
            commits[ref] = try repository.commitID(behind: id, name: ref)
            try repository.setRef(ref, to: id)
        }
        return commits
    }

    /// Forgets every ref but these, and gathers the packs that many small fetches have left. What the forgotten refs
    /// pointed at stays readable by its id, so that an earlier release can be deployed again.
    public func prune(keeping refs: [String]) async throws {
        try await onOwnThread(Job()) { [self] job in
            try Repository.with(path) { repository in
                for ref in try repository.refs() where !refs.contains(ref) { try repository.removeRef(ref) }
            }
            for folder in [path] + names(inFolder: path + "/modules").map({ "\(path)/modules/\($0)" }) {
                try MirrorGate.of(folder).repackingIfIdle { try Packs.gather(in: folder, job: job) }
            }
        }
    }

    /// Clears what a killed process has left in the mirror at a path: half-received packs and lock files. Call it
    /// before the first use, when no other process has the mirror open.
    public static func sweep(_ path: String) {
        Packs.sweep(path)
    }

    private static func checkRef(_ ref: String) throws(GitError) {
        Library.start()
        var isValid: Int32 = 0
        guard ref.hasPrefix("refs/"), !ref.utf8.contains(0), git_reference_name_is_valid(&isValid, ref) == 0,
            isValid == 1
        else {
            throw GitError(.refNotFound, "“\(shown(Array(ref.utf8)))” is not the full name of a ref")
        }
    }
}

/// What a server's refs point at, by full name (`git ls-remote`). An annotated tag is there with the commit behind it.
///
/// - Throws: `GitError`.
public func remoteRefs(
    url: String,
    credential: GitCredential = .none,
    caFile: String? = nil,
    limits: FetchLimits = .init()
) async throws -> [String: String] {
    let parsed = try RemoteURL(url)
    return try await onOwnThread(Job(limits: limits)) { job in
        let transfer = Transfer(
            job: job,
            url: parsed,
            credential: parsed.credential(or: credential),
            caFile: caFile
        )
        return try transfer.withConnection(to: nil) { heads in
            var refs: [String: String] = [:]
            let behind = "^{}"
            for head in heads where !head.name.hasSuffix(behind) { refs[head.name] = head.id }
            for head in heads where head.name.hasSuffix(behind) {
                refs[String(head.name.dropLast(behind.count))] = head.id
            }
            return refs
        }
    }
}

extension RemoteURL {
    /// The configured credential, or else the one that the address itself holds.
    func credential(or configured: GitCredential) -> GitCredential {
        guard case .none = configured, let user, let password else { return configured }
        return .password(user: user, password: password)
    }
}
