import CGit2
import Glibc

extension Mirror {
    /// Deletes the mirror at a path if it is damaged: after a power cut a file that was just written may be empty, and no
    /// fetch mends that. Everything in a mirror can be fetched again.
    ///
    /// Reads all that its refs lead to: the history, and the files of each head. Meant for after a failure.
    ///
    /// - Returns: whether it was damaged, and is gone.
    /// - Throws: `GitError` when the task is cancelled.
    public static func removeIfDamaged(_ path: String) async throws -> Bool {
        Library.start()
        let path = Repository.absolute(path)
        return try await onOwnThread(Job()) { job in
            try MirrorGate.of(path).fetching(job) {
                do {
                    for folder in [path] + names(inFolder: path + "/modules").map({ "\(path)/modules/\($0)" }) {
                        try Repository.with(folder) { try $0.readAll(in: folder, job) }
                    }
                    return false
                } catch {
                    if let reason = job.reasonToStop() { throw reason }
                    removeTree(path)
                    return true
                }
            }
        }
    }
}

extension Repository {
    /// - Throws: `GitError` for the first thing that cannot be read.
    fileprivate func readAll(in folder: String, _ job: Job) throws {
        var walk: OpaquePointer?
        try check("cannot read the history", git_revwalk_new(&walk, pointer))
        defer { git_revwalk_free(walk) }
        var seen: Set<String> = []
        let refs = try refs()
        // One that libgit2 cannot read is not in its list.
        for file in looseRefs(folder, "refs") where !refs.contains(file) {
            throw GitError(.corrupt, "\(file) cannot be read")
        }
        for ref in refs {
            var raw = git_oid()
            try check("cannot read \(ref)", git_reference_name_to_id(&raw, pointer, ref))
            // A tag may be at something else.
            guard let commit = try commitIfAny(ObjectID(raw), ref), var id = ObjectID(hex: commit)?.raw else {
                continue
            }
            try check("cannot read \(ref)", git_revwalk_push(walk, &id))
            try read(try treeID(of: commit), &seen, job)
        }
        var raw = git_oid()
        while true {
            try job.check()
            let status = git_revwalk_next(&raw, walk)
            if status == GIT_ITEROVER.rawValue { return }
            try check("cannot read the history", status)
        }
    }

    /// The files below the folder of refs, named as refs are.
    private func looseRefs(_ folder: String, _ name: String) -> [String] {
        names(inFolder: "\(folder)/\(name)").filter { !$0.hasSuffix(".lock") }.flatMap { child -> [String] in
            let path = "\(name)/\(child)"
            var facts = stat()
            guard lstat("\(folder)/\(path)", &facts) == 0 else { return [] }
            return facts.st_mode & S_IFMT == S_IFDIR ? looseRefs(folder, path) : [path]
        }
    }

    private func commitIfAny(_ id: ObjectID, _ ref: String) throws -> String? {
        do {
            return try commitID(behind: id, name: ref)
        } catch let error as GitError where error.code == .refNotFound {
            return nil
        }
    }

    /// A tree with all that is in it, each object once.
    private func read(_ tree: ObjectID, _ seen: inout Set<String>, _ job: Job) throws {
        guard seen.insert(tree.hex).inserted else { return }
        try job.check()
        for entry in try entries(of: tree) {
            switch entry.kind {
            case .tree: try read(entry.id, &seen, job)
            case .submodule: continue
            default: if seen.insert(entry.id.hex).inserted { try withContents(of: entry.id) { _ in } }
            }
        }
    }
}
