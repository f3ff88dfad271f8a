/// What our files do with paths, without asking the file system.
enum FilePath {
    /// The folder of a file: `.` if its name has none.
    static func folder(of file: String) -> String {
        let parts = file.parts(at: "/").dropLast()
        if parts.isEmpty { return "." }
        return parts.allSatisfy { $0.isEmpty } ? "/" : parts.joined(separator: "/")
    }

    /// An absolute path as it is; a relative one inside `folder`.
    static func resolve(_ path: String, in folder: String) -> String {
        if path.begins(with: "/") { return path }
        let path = tidy(path)
        if folder == "." { return path }
        if path == "." { return folder }
        return folder.ends(with: "/") ? folder + path : folder + "/" + path
    }

    /// Without `./`, doubled slashes and a slash at the end: `./backend/` is `backend`.
    static func tidy(_ path: String) -> String {
        let parts = path.parts(at: "/").filter { !$0.isEmpty && $0 != "." }
        return parts.isEmpty ? "." : parts.joined(separator: "/")
    }
}
