import CGit2
import Glibc

extension Repository {
    /// The full names of all refs.
    func refs() throws(GitError) -> [String] {
        var list = git_strarray()
        try check("cannot list the mirror's refs", git_reference_list(&list, pointer))
        defer { git_strarray_dispose(&list) }
        return UnsafeBufferPointer(start: list.strings, count: list.count).compactMap { $0.map { String(cString: $0) } }
    }

    func removeRef(_ name: String) throws(GitError) {
        let status = git_reference_remove(pointer, name)
        if status != GIT_ENOTFOUND.rawValue { try check("cannot remove \(name)", status) }
    }

    func setRef(_ name: String, to hex: String) throws(GitError) {
        guard let id = ObjectID(hex: hex) else { throw GitError(.corrupt, "\(name) is not at an object") }
        try setRef(name, to: id)
    }

    /// Points a ref at an object, whatever it pointed at before. A branch `a` that the server has replaced by `a/b`
    /// makes room: both cannot be there, and the server is right.
    func setRef(_ name: String, to id: ObjectID) throws(GitError) {
        var raw = id.raw
        if create(name, &raw) == 0 { return }
        for other in try refs() where name.hasPrefix(other + "/") || other.hasPrefix(name + "/") {
            try removeRef(other)
        }
        try check("cannot store \(name)", create(name, &raw))
    }

    private func create(_ name: String, _ id: inout git_oid) -> Int32 {
        var reference: OpaquePointer?
        let status = git_reference_create(&reference, pointer, name, &id, 1, nil)
        git_reference_free(reference)
        return status
    }
}
