import CGit2

extension Mirror {
    /// Checks one revision out into a folder that does not exist yet, submodules included, without any `.git`. On
    /// failure no folder stays.
    ///
    /// - Parameter limits: for writing the files, and anew for fetching each submodule.
    /// - Throws: `GitError`; `unsafePath` and `unsafeSubmodule` name what was refused.
    public func checkOut(_ revision: String, into folder: String, limits: FetchLimits = .init()) async throws {
        try await onOwnThread(Job(limits: limits)) { [self] job in
            let root = try Folder(creating: folder)
            do {
                let writer = TreeWriter(root: root, job: job)
                let source = Source(url: url, revision: revision, path: [], depth: 0)
                try gate.reading(job) {
                    try Repository.with(path) { repository in
                        try checkOut(source, from: repository, by: writer, job: job, limits: limits)
                    }
                }
                try writer.finish()
            } catch {
                removeTree(folder)
                throw error
            }
        }
    }

    /// A revision on its way into the checkout: the one that was asked for, or a submodule's.
    private struct Source {
        let url: RemoteURL
        let revision: String
        /// Where in the checkout; empty for the root.
        let path: [UInt8]
        /// How many submodules it is inside of.
        let depth: Int
    }

    /// Far more than anybody uses. A repository can have itself as a submodule.
    private static let deepestSubmodule = 5

    private func checkOut(
        _ source: Source,
        from repository: Repository,
        by writer: TreeWriter,
        job: Job,
        limits: FetchLimits
    ) throws {
        let tree = try repository.treeID(of: source.revision)
        let places = try writer.write(tree, of: repository, at: source.path)
        guard case .checkOut = submodules else { return }
        let urls = try Self.submoduleURLs(in: tree, of: repository)
        for place in places {
            let own = source.path.isEmpty ? place.path : Array(place.path.dropFirst(source.path.count + 1))
            // Without an address it is a folder that somebody committed by mistake, and stays empty as with git.
            guard let text = urls[String(decoding: own, as: UTF8.self)] else { continue }
            let name = shown(place.path)
            guard source.depth < Self.deepestSubmodule else {
                throw GitError(.unsafeSubmodule, "the submodule at “\(name)” is nested too deeply")
            }
            let url = try source.url.submodule(text, path: name)
            let next = Source(url: url, revision: place.revision, path: place.path, depth: source.depth + 1)
            try withSubmodule(next, name: name, job: job, limits: limits) { inner in
                try checkOut(next, from: inner, by: writer, job: job, limits: limits)
            }
        }
    }

    private static func submoduleURLs(in tree: ObjectID, of repository: Repository) throws -> [String: String] {
        guard let entry = try repository.entry(at: ".gitmodules", in: tree) else { return [:] }
        guard entry.kind == .file || entry.kind == .program else {
            throw GitError(.unsafeSubmodule, "“.gitmodules” is not a file")
        }
        let text = try repository.withContents(of: entry.id) { String(decoding: $0, as: UTF8.self) }
        return try Submodules(text: text).urls
    }

    /// Fetches a submodule's commit into a mirror of its own, below this one's folder, and opens that.
    private func withSubmodule(
        _ source: Source,
        name: String,
        job: Job,
        limits: FetchLimits,
        _ body: (Repository) throws -> Void
    ) throws {
        let folder = try submoduleFolder(source.url)
        try Repository.create(at: folder)
        let gate = MirrorGate.of(folder)
        job.restart(limits)
        try gate.fetching(job) {
            try Repository.with(folder) { repository in
                guard !repository.contains(source.revision) else { return }
                let isOurs = source.url.hasSameOrigin(as: url)
                let transfer = Transfer(
                    job: job,
                    url: source.url,
                    credential: isOurs ? credential : .none,
                    caFile: caFile,
                    refusesLocalAddresses: !isOurs && !url.isLocal
                )
                try repository.fetch(source.revision, as: "refs/fairlead/submodule", by: transfer, job: job)
            }
        }
        job.restart(limits)
        try gate.reading(job) {
            try Repository.with(folder) { repository in
                guard repository.contains(source.revision) else {
                    throw GitError(
                        .revisionNotFound,
                        "the submodule at “\(name)” wants \(source.revision), which is not at \(source.url.display)"
                    )
                }
                try body(repository)
            }
        }
    }

    private func submoduleFolder(_ address: RemoteURL) throws(GitError) -> String {
        let name = Array(address.display.utf8)
        var id = git_oid()
        try check("cannot name a submodule's mirror", git_odb_hash(&id, name, name.count, GIT_OBJECT_BLOB))
        return "\(path)/modules/\(ObjectID(id).hex)"
    }
}
