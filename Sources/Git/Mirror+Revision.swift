extension Mirror {
    /// Makes sure that one revision is here, whether a branch leads to it any more or not. No server is asked for one that
    /// is here already.
    ///
    /// - Throws: `GitError`; `revisionNotFound` if the server does not have it, or does not give it away without a branch
    ///   or tag.
    public func fetch(revision: String, limits: FetchLimits = .init()) async throws {
        // Asked first, because a fetch waits for the others of this mirror.
        if try await contains(revision) { return }
        try await onOwnThread(Job(limits: limits)) { [self] job in
            try gate.fetching(job) {
                try Repository.with(path) { repository in
                    let transfer = Transfer(job: job, url: url, credential: credential, caFile: caFile)
                    // Under a name of ours: what the mirror's other refs point at stays what was fetched by their names.
                    try repository.fetch(revision, as: "refs/fairlead/revision", by: transfer, job: job)
                    guard repository.contains(revision) else {
                        throw GitError(.revisionNotFound, "\(url.display) does not have \(revision)")
                    }
                }
            }
        }
    }
}

extension Repository {
    /// Gets one commit: by its branch where it is the head of one, else by its id, and where the server allows only
    /// branches and tags, with all of those.
    ///
    /// - Parameter pinned: the ref that keeps it.
    func fetch(_ revision: String, as pinned: String, by transfer: Transfer, job: Job) throws {
        do {
            try transfer.withConnection(to: pointer) { heads in
                let head = heads.first { $0.id == revision && $0.isBranchOrTag }
                try transfer.download([head.map { "+\($0.name):\($0.name)" } ?? "\(revision):\(pinned)"])
                try setRef(pinned, to: revision)
            }
        } catch {
            if let reason = job.reasonToStop() { throw reason }
            // Refused, or the server is in trouble: the second try tells which.
            try transfer.withConnection(to: pointer) { heads in
                let all = heads.filter(\.isBranchOrTag)
                guard !all.isEmpty else { return }
                try transfer.download(all.map { "+\($0.name):\($0.name)" })
                if contains(revision) { try setRef(pinned, to: revision) }
            }
        }
    }
}
