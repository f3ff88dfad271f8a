import CGit2
import Glibc

/// The id of an object: 20 bytes, 40 lower-case hexadecimal digits for people.
struct ObjectID {
    var raw: git_oid

    init(_ raw: git_oid) { self.raw = raw }

    /// Nil for anything but 40 hexadecimal digits.
    init?(hex: String) {
        var raw = git_oid()
        guard hex.utf8.count == 40, git_oid_fromstr(&raw, hex) == 0 else { return nil }
        self.raw = raw
    }

    var hex: String {
        withUnsafePointer(to: raw) { pointer in
            String(unsafeUninitializedCapacity: 40) { buffer in
                buffer.withMemoryRebound(to: CChar.self) { _ = git_oid_fmt($0.baseAddress, pointer) }
                return 40
            }
        }
    }

    func equals(_ other: ObjectID) -> Bool {
        withUnsafePointer(to: raw) { one in withUnsafePointer(to: other.raw) { git_oid_equal(one, $0) == 1 } }
    }
}

/// A bare repository that is open for the length of one job, on that job's thread only.
struct Repository {
    let pointer: OpaquePointer
    let objects: OpaquePointer

    /// `git_repository_open_bare` looks for nothing in the folders above and checks no ownership.
    static func with<Result>(_ path: String, _ body: (Repository) throws -> Result) throws -> Result {
        var pointer: OpaquePointer?
        try check("cannot open the mirror", git_repository_open_bare(&pointer, path))
        guard let pointer else { throw GitError(.corrupt, "cannot open the mirror") }
        defer { git_repository_free(pointer) }
        var objects: OpaquePointer?
        try check("cannot open the mirror's objects", git_repository_odb(&objects, pointer))
        guard let objects else { throw GitError(.corrupt, "cannot open the mirror's objects") }
        defer { git_odb_free(objects) }
        return try body(Repository(pointer: pointer, objects: objects))
    }

    /// Makes an empty bare repository, readable by its owner only, unless there is one.
    ///
    /// One at a time: several pipelines of one repository begin together, and libgit2 makes a mess of a repository that
    /// another thread is halfway through making.
    static func create(at path: String) throws(GitError) {
        try creating.withLock { () throws(GitError) in try createAlone(at: path) }
    }

    private static let creating = Lock()

    private static func createAlone(at path: String) throws(GitError) {
        try makeFolders(path)
        defer { forgetConfiguration(path) }
        if isRepository(path) { return }
        var options = git_repository_init_options()
        git_repository_init_options_init(&options, UInt32(GIT_REPOSITORY_INIT_OPTIONS_VERSION))
        options.flags = GIT_REPOSITORY_INIT_BARE.rawValue | GIT_REPOSITORY_INIT_NO_REINIT.rawValue
        var pointer: OpaquePointer?
        let status = git_repository_init_ext(&pointer, path, &options)
        git_repository_free(pointer)
        // Another process may have made it meanwhile.
        if status < 0, isRepository(path) { return }
        try check("cannot make a mirror at \(path)", status)
    }

    /// A mirror needs no configuration, and an empty one can neither send us elsewhere nor cost memory: libgit2 1.5.1
    /// loses 20 KB each time it looks for a pattern among the entries and one does not match.
    private static func forgetConfiguration(_ path: String) {
        truncate(path + "/config", 0)
    }

    private static func isRepository(_ path: String) -> Bool {
        var pointer: OpaquePointer?
        defer { git_repository_free(pointer) }
        return git_repository_open_bare(&pointer, path) == 0
    }

    /// A path as it reads from everywhere, so that one mirror has one name.
    static func absolute(_ path: String) -> String {
        var steps = path.split(separator: "/").filter { $0 != "." }.joined(separator: "/")
        if !path.hasPrefix("/"), let here = getcwd(nil, 0) {
            steps = String(cString: here).dropFirst() + "/" + steps
            free(here)
        }
        return "/" + steps
    }

    private static func makeFolders(_ path: String) throws(GitError) {
        var built = ""
        for step in path.split(separator: "/") {
            built += "/" + step
            guard mkdir(built, 0o700) != 0, errno != EEXIST, errno != EISDIR else { continue }
            // A read-only parent that exists is fine; whatever is really wrong shows at the last step.
            if access(built, F_OK) == 0 { continue }
            throw GitError(.other, "cannot make the folder \(built): \(String(cString: strerror(errno)))")
        }
        guard chmod(path, 0o700) == 0 else {
            throw GitError(.other, "cannot make the folder \(path) private: \(String(cString: strerror(errno)))")
        }
    }
}

// MARK: Commits

extension Repository {
    /// The commit with this full id; `revisionNotFound` when it is not here, or is not a commit.
    func withCommit<Result>(_ revision: String, _ body: (OpaquePointer) throws -> Result) throws -> Result {
        guard let id = ObjectID(hex: revision) else {
            throw GitError(
                .revisionNotFound,
                "“\(revision.prefix(60))” is not a full revision of 40 hexadecimal digits"
            )
        }
        var commit: OpaquePointer?
        var raw = id.raw
        let status = git_commit_lookup(&commit, pointer, &raw)
        if status == GIT_ENOTFOUND.rawValue {
            throw GitError(.revisionNotFound, "the revision \(revision) is not in the repository")
        }
        try check("cannot read the revision \(revision)", status)
        guard let commit else { throw GitError(.corrupt, "cannot read the revision \(revision)") }
        defer { git_commit_free(commit) }
        return try body(commit)
    }

    func treeID(of revision: String) throws -> ObjectID {
        try withCommit(revision) { commit in
            guard let id = git_commit_tree_id(commit) else { throw GitError(.corrupt, "\(revision) has no tree") }
            return ObjectID(id.pointee)
        }
    }

    func info(of revision: String) throws -> CommitInfo {
        try withCommit(revision) { commit in
            CommitInfo(
                revision: revision.lowercased(),
                message: text(git_commit_message(commit)),
                author: text(git_commit_author(commit)?.pointee.name),
                commitTime: git_commit_time(commit)
            )
        }
    }

    /// The commit that an object of any kind stands for, through tags.
    func commitID(behind id: ObjectID, name: String) throws -> String {
        var raw = id.raw
        var object: OpaquePointer?
        try check("cannot read \(name)", git_object_lookup(&object, pointer, &raw, GIT_OBJECT_ANY))
        defer { git_object_free(object) }
        var commit: OpaquePointer?
        guard git_object_peel(&commit, object, GIT_OBJECT_COMMIT) == 0, let id = git_object_id(commit) else {
            throw GitError(.refNotFound, "\(name) does not point at a commit")
        }
        defer { git_object_free(commit) }
        return ObjectID(id.pointee).hex
    }

    func contains(_ revision: String) -> Bool {
        (try? withCommit(revision) { _ in true }) ?? false
    }

    func isAncestor(_ ancestor: String, of descendant: String) throws -> Bool {
        guard let old = ObjectID(hex: ancestor), let new = ObjectID(hex: descendant) else {
            throw GitError(.revisionNotFound, "a revision is 40 hexadecimal digits")
        }
        try withCommit(ancestor) { _ in }
        try withCommit(descendant) { _ in }
        if old.equals(new) { return true }
        var (oldRaw, newRaw) = (old.raw, new.raw)
        return try check("cannot compare revisions", git_graph_descendant_of(pointer, &newRaw, &oldRaw)) == 1
    }

    private func text(_ bytes: UnsafePointer<CChar>?) -> String {
        bytes.map { String(cString: $0) } ?? ""
    }
}

// MARK: Trees

/// What one entry of a tree is.
struct TreeEntry {
    enum Kind { case tree, file, program, link, submodule }

    /// As it is in the tree, which need not be UTF-8.
    let name: [UInt8]
    /// Nil for a mode that git does not write.
    let kind: Kind?
    let id: ObjectID
}

extension Repository {
    func entries(of tree: ObjectID) throws(GitError) -> [TreeEntry] {
        var raw = tree.raw
        var pointer: OpaquePointer?
        try check("cannot read the tree \(tree.hex)", git_tree_lookup(&pointer, self.pointer, &raw))
        defer { git_tree_free(pointer) }
        return (0..<git_tree_entrycount(pointer)).compactMap { index in
            guard let entry = git_tree_entry_byindex(pointer, index), let name = git_tree_entry_name(entry),
                let id = git_tree_entry_id(entry)
            else { return nil }
            let bytes = UnsafeRawBufferPointer(start: name, count: strlen(name))
            return TreeEntry(
                name: Array(bytes),
                kind: kind(git_tree_entry_filemode_raw(entry).rawValue),
                id: ObjectID(id.pointee)
            )
        }
    }

    private func kind(_ mode: UInt32) -> TreeEntry.Kind? {
        switch mode {
        case 0o040000: .tree
        // Very old versions of git also wrote the group's permission.
        case 0o100644, 0o100664: .file
        case 0o100755: .program
        case 0o120000: .link
        case 0o160000: .submodule
        default: nil
        }
    }

    /// What is at a path, counted from the root of a tree. "" and "." are the root itself.
    func entry(at path: String, in root: ObjectID) throws(GitError) -> TreeEntry? {
        var found = TreeEntry(name: [], kind: .tree, id: root)
        for step in path.split(separator: "/") where step != "." {
            guard case .tree? = found.kind else { return nil }
            let name = Array(step.utf8)
            guard let next = try entries(of: found.id).first(where: { $0.name == name }) else { return nil }
            found = next
        }
        return found
    }

    /// Hands out the bytes of an object without copying them.
    func withContents<Result>(
        of id: ObjectID,
        _ body: (UnsafeRawBufferPointer) throws -> Result
    ) throws -> Result {
        var raw = id.raw
        var object: OpaquePointer?
        try check("cannot read the object \(id.hex)", git_odb_read(&object, objects, &raw))
        defer { git_odb_object_free(object) }
        return try body(UnsafeRawBufferPointer(start: git_odb_object_data(object), count: git_odb_object_size(object)))
    }
}

// MARK: Differences

extension Repository {
    /// Every path at which two trees differ. A file that was moved is there with both its paths.
    func changedPaths(from old: ObjectID?, to new: ObjectID, job: Job) throws -> [String] {
        var paths: [String] = []
        try compare(old, new, prefix: [], job: job, into: &paths)
        return paths
    }

    private func compare(
        _ old: ObjectID?,
        _ new: ObjectID?,
        prefix: [UInt8],
        job: Job,
        into paths: inout [String]
    ) throws {
        try job.check()
        guard prefix.count <= longestPath else {
            throw GitError(.unsafePath, "the tree's folders are nested too deeply")
        }
        let before = try old.map { try entries(of: $0) } ?? []
        let after = try new.map { try entries(of: $0) } ?? []
        var rest = Dictionary(before.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        for entry in after {
            let was = rest.removeValue(forKey: entry.name)
            if let was, was.kind == entry.kind, was.id.equals(entry.id) { continue }
            try note(was, entry, prefix: prefix, job: job, into: &paths)
        }
        for entry in before where rest[entry.name] != nil {
            try note(entry, nil, prefix: prefix, job: job, into: &paths)
        }
    }

    private func note(
        _ old: TreeEntry?,
        _ new: TreeEntry?,
        prefix: [UInt8],
        job: Job,
        into paths: inout [String]
    ) throws {
        guard let name = new?.name ?? old?.name else { return }
        let path = prefix + name
        let oldTree = old.flatMap { $0.kind == .tree ? $0.id : nil }
        let newTree = new.flatMap { $0.kind == .tree ? $0.id : nil }
        if (old != nil && oldTree == nil) || (new != nil && newTree == nil) {
            paths.append(String(decoding: path, as: UTF8.self))
        }
        if oldTree != nil || newTree != nil {
            try compare(oldTree, newTree, prefix: path + [UInt8(ascii: "/")], job: job, into: &paths)
        }
    }
}

/// PATH_MAX of Linux.
let longestPath = 4096
