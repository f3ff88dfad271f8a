/// What can be asked of a mirror without its server.
///
/// A revision is a full SHA-1; one that is not here, or is no commit, is `GitError.Code.revisionNotFound`.
extension Mirror {
    /// Whether a revision is here.
    public func contains(_ revision: String) async throws -> Bool {
        try await reading { repository, _ in repository.contains(revision) }
    }

    /// Whether `descendant` has `ancestor` in its history, or is the same.
    public func isAncestor(_ ancestor: String, of descendant: String) async throws -> Bool {
        try await reading { repository, _ in try repository.isAncestor(ancestor, of: descendant) }
    }

    /// The paths of all files (and symbolic links and submodules) that differ between two trees; with no base, of all
    /// that there are. A file that was moved is there with both its paths.
    public func changedPaths(from base: String?, to revision: String) async throws -> [String] {
        try await reading { repository, job in
            let old = try base.map { try repository.treeID(of: $0) }
            return try repository.changedPaths(from: old, to: try repository.treeID(of: revision), job: job)
        }
    }

    /// The id of the folder at a path ("" or "." is the root); nil when there is none.
    public func treeID(_ revision: String, path: String) async throws -> String? {
        try await reading { repository, _ in
            let entry = try repository.entry(at: path, in: try repository.treeID(of: revision))
            return entry?.kind == .tree ? entry?.id.hex : nil
        }
    }

    /// The id of whatever is at a path, folder or file; nil when there is nothing. For a submodule it is its commit.
    public func objectID(_ revision: String, path: String) async throws -> String? {
        try await reading { repository, _ in
            try repository.entry(at: path, in: try repository.treeID(of: revision))?.id.hex
        }
    }

    /// The bytes of the file at a path; nil when there is no file. Symbolic links are not followed.
    public func file(_ revision: String, path: String) async throws -> [UInt8]? {
        try await reading { repository, _ in
            guard let entry = try repository.entry(at: path, in: try repository.treeID(of: revision)),
                entry.kind == .file || entry.kind == .program
            else { return nil }
            return try repository.withContents(of: entry.id) { Array($0) }
        }
    }

    public func commit(_ revision: String) async throws -> CommitInfo {
        try await reading { repository, _ in try repository.info(of: revision) }
    }

    private func reading<Result: Sendable>(
        _ work: @escaping @Sendable (Repository, Job) throws -> Result
    ) async throws -> Result {
        try await onOwnThread(Job()) { [path, gate] job in
            try gate.reading(job) { try Repository.with(path) { try work($0, job) } }
        }
    }
}
