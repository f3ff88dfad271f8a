import Glibc

/// Writes the trees of one checkout: files and folders at once, symbolic links at the end, when all of them are known
/// and none can lead anywhere while files are being written. No filter, attribute or line ending applies: what is in
/// the repository is what is on disk.
final class TreeWriter {
    /// A submodule's place in a tree, and the commit that belongs there.
    struct Submodule {
        let path: [UInt8]
        let revision: String
    }

    /// Guards against trees that name the same tree over and over: a few kilobytes that stand for billions of files.
    static let mostEntries = 1_000_000
    static let mostBytes = 32 << 30

    private let root: Folder
    private let job: Job
    private var links: [[UInt8]: [UInt8]] = [:]
    private var entries = 0
    private var bytes = 0

    init(root: Folder, job: Job) {
        (self.root, self.job) = (root, job)
    }

    /// Writes a whole tree into the root folder, or into the folder at `path` that an earlier tree left for it.
    func write(_ tree: ObjectID, of repository: Repository, at path: [UInt8]) throws -> [Submodule] {
        var folder = root
        for step in path.split(separator: UInt8(ascii: "/")) {
            guard let next = folder.openFolder(Array(step)) else { throw failure(path) }
            folder = next
        }
        var submodules: [Submodule] = []
        try write(tree, of: repository, into: folder, path: path, submodules: &submodules)
        return submodules
    }

    /// Makes the symbolic links, once each is known to stay within the checkout.
    func finish() throws {
        for (path, target) in links { try checkLink(path, target) }
        for (path, target) in links {
            guard root.makeLink(path, to: target) else { throw failure(path) }
        }
    }

    private func write(
        _ tree: ObjectID,
        of repository: Repository,
        into folder: Folder,
        path: [UInt8],
        submodules: inout [Submodule]
    ) throws {
        for entry in try repository.entries(of: tree) {
            try job.check()
            let here = path.isEmpty ? entry.name : path + [UInt8(ascii: "/")] + entry.name
            try checkName(entry.name, here)
            entries += 1
            guard entries <= Self.mostEntries, bytes <= Self.mostBytes else {
                throw GitError(
                    .unsafePath,
                    "the revision has more files than are ever checked out, at “\(shown(here))”"
                )
            }
            switch entry.kind {
            case .tree:
                guard let next = folder.makeFolder(entry.name) else { throw failure(here) }
                try write(entry.id, of: repository, into: next, path: here, submodules: &submodules)
            case .file, .program:
                try repository.withContents(of: entry.id) { contents in
                    bytes += contents.count
                    guard folder.writeFile(entry.name, isProgram: entry.kind == .program, contents) else {
                        throw failure(here)
                    }
                }
            case .link:
                links[here] = try repository.withContents(of: entry.id) { Array($0) }
            case .submodule:
                guard folder.makeFolder(entry.name) != nil else { throw failure(here) }
                submodules.append(Submodule(path: here, revision: entry.id.hex))
            case nil:
                throw GitError(.corrupt, "the tree's entry “\(shown(here))” has an unknown mode")
            }
        }
    }

    /// The names that mean something else than a file of that name, to the kernel or to git on any system.
    private func checkName(_ name: [UInt8], _ path: [UInt8]) throws(GitError) {
        guard isSafeName(name), path.count < longestPath else {
            throw GitError(.unsafePath, "the tree holds a path that must not be written: “\(shown(path))”")
        }
    }

    private func failure(_ path: [UInt8]) -> GitError {
        let number = errno
        let code: GitError.Code = number == EEXIST || number == ELOOP || number == ENAMETOOLONG ? .unsafePath : .other
        return GitError(code, "cannot write “\(shown(path))”: \(String(cString: strerror(number)))")
    }
}

// MARK: Symbolic links

extension TreeWriter {
    /// Follows a link as the kernel would, through other links of the checkout, and refuses it when that leads outside
    /// at any step. It is not enough to count the `..`: a link to the root makes `link/..` the parent of everything.
    private func checkLink(_ path: [UInt8], _ target: [UInt8]) throws(GitError) {
        func refused(_ why: String) -> GitError {
            GitError(.unsafePath, "the symbolic link “\(shown(path))” is refused: \(why) (“\(shown(target))”)")
        }
        guard !target.isEmpty, !target.contains(0), target.count < longestPath else {
            throw refused("it has no target")
        }
        let slash = UInt8(ascii: "/")
        var place = Array(path.split(separator: slash).dropLast())
        guard target.first != slash else { throw refused("it points to an absolute path") }
        var steps = Array(target.split(separator: slash).reversed())
        var followed = 0
        while let step = steps.popLast() {
            if step.elementsEqual(".".utf8) { continue }
            if step.elementsEqual("..".utf8) {
                guard place.popLast() != nil else { throw refused("it leads out of the checkout") }
                continue
            }
            place.append(step)
            guard let next = links[Array(place.joined(separator: [slash]))] else { continue }
            followed += 1
            // The kernel's own bound. Whatever is behind a longer chain cannot be opened, nor judged.
            guard followed <= 40 else { throw refused("it leads in a circle") }
            guard next.first != slash else { throw refused("it leads to a link with an absolute path") }
            place.removeLast()
            steps += next.split(separator: slash).reversed()
        }
    }
}

/// Whether a name may be one step of a path in a checkout.
func isSafeName(_ name: [UInt8]) -> Bool {
    guard !name.isEmpty, !name.contains(UInt8(ascii: "/")), !name.contains(0) else { return false }
    let text = String(decoding: name, as: UTF8.self).lowercased()
    return text != "." && text != ".." && text != ".git"
}

/// A path for people, without what would upset a terminal.
func shown(_ path: [UInt8]) -> String {
    let text = String(decoding: path.prefix(300), as: UTF8.self)
    return String(text.unicodeScalars.map { $0.properties.generalCategory == .control ? "?" : Character($0) })
}
