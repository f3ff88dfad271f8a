import Glibc

/// A checked-out revision, of which nothing leads out.
struct Checkout {
    /// Absolute, without symbolic links.
    let root: String

    /// More than this is no repository with manifests.
    private static let maximumEntries = 200_000

    init(_ folder: String) throws { root = try SmallFile.canonical(folder) }

    /// The real path of something in the checkout, with symbolic links followed as long as they stay in it.
    /// - Throws: `StageError` (failed, `manifest-missing` or `manifest-outside`).
    func resolve(_ path: String) throws -> String {
        guard !path.begins(with: "/"), !path.utf8.contains(0) else {
            throw StageError.manifest("manifest-outside", "\(quoted(path)) is not a path inside the repository")
        }
        guard let pointer = realpath("\(root)/\(path)", nil) else {
            throw StageError.manifest(
                "manifest-missing",
                "The revision has no \(quoted(path)); add it, or mend the pipeline's deploy"
            )
        }
        defer { free(pointer) }
        let resolved = String(cString: pointer)
        guard holds(resolved) else {
            throw StageError.manifest("manifest-outside", "\(quoted(path)) leads out of the repository")
        }
        return resolved
    }

    /// For programs that follow symbolic links themselves: no link below a folder may lead out.
    ///
    /// - Parameter folder: absolute, of this checkout.
    /// - Throws: `StageError` (failed, `manifest-outside`) with the link's path.
    func refuseLinksOut(below folder: String) throws {
        var entries = 0
        var folders = [folder]
        while let next = folders.popLast() {
            for name in SmallFile.names(in: next) where name != ".git" {
                entries += 1
                guard entries <= Self.maximumEntries else {
                    throw StageError.manifest("manifest-too-large", "\(inside(folder)) holds too many files")
                }
                let path = "\(next)/\(name)"
                var status = stat()
                guard lstat(path, &status) == 0 else { continue }
                switch status.st_mode & S_IFMT {
                case S_IFDIR: folders.append(path)
                case S_IFLNK: _ = try resolve(inside(path))
                default: break
                }
            }
        }
    }

    /// The path inside the repository, as messages name it.
    func inside(_ path: String) -> String { path == root ? "." : String(path.dropFirst(root.count + 1)) }

    /// A program's words without the folder of the checkout.
    func withoutRoot(_ text: String) -> String {
        text.replacing(root + "/", with: "").replacing(root, with: ".")
    }

    static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    private func holds(_ resolved: String) -> Bool {
        (resolved == root || resolved.begins(with: root + "/")) && !resolved.begins(with: root + "/.git/")
    }
}
