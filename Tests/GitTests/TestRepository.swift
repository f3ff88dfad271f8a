import Foundation

/// A folder for one test, removed with the object.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/fairlead-git-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }
}

/// A repository made with the real git, bare so that servers can serve it, worked on through a second folder.
final class TestRepository: Sendable {
    let path: String
    let work: String

    /// Makes `name.git` in a folder, with one commit on main.
    init(_ name: String, in folder: String) throws {
        path = "\(folder)/\(name).git"
        work = "\(folder)/\(name)-work"
        try run("git", ["init", "-q", "--bare", "-b", "main", path], environment: Self.environment)
        try run("git", ["init", "-q", "-b", "main", work], environment: Self.environment)
        try git("remote", "add", "origin", path)
        try commit(["README.md": "hello\n"], message: "first")
    }

    @discardableResult
    func git(_ arguments: String..., input: Data? = nil) throws -> String {
        try run("git", arguments, in: work, input: input, environment: Self.environment)
    }

    /// Writes files, commits and pushes; returns the revision. A nil removes the file.
    @discardableResult
    func commit(_ files: [String: String?], message: String = "change", branch: String = "main") throws -> String {
        for (name, text) in files {
            let file = work + "/" + name
            if let text {
                let folder = (file as NSString).deletingLastPathComponent
                try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
                try text.write(toFile: file, atomically: false, encoding: .utf8)
            } else {
                try FileManager.default.removeItem(atPath: file)
            }
        }
        return try commitAll(message: message, branch: branch)
    }

    /// Commits whatever is in the work folder, and pushes.
    func commitAll(message: String = "change", branch: String = "main") throws -> String {
        try git("add", "-A")
        try git("commit", "-q", "--allow-empty", "-m", message)
        try git("push", "-q", "-f", "origin", "HEAD:refs/heads/\(branch)")
        return try git("rev-parse", "HEAD")
    }

    func link(_ name: String, to target: String) throws {
        let file = work + "/" + name
        let folder = (file as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: target)
    }

    /// Adds a submodule by hand: `git submodule add` would refuse what the tests need. The `.gitmodules` text is made
    /// from the address unless it is given.
    func submodule(_ path: String, url: String, revision: String, text: String? = nil) throws -> String {
        let entry = text ?? "[submodule \"\(path)\"]\n\tpath = \(path)\n\turl = \(url)\n"
        let file = work + "/.gitmodules"
        let before = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        try (before + entry).write(toFile: file, atomically: false, encoding: .utf8)
        try git("add", ".gitmodules")
        try git("update-index", "--add", "--cacheinfo", "160000,\(revision),\(path)")
        try git("commit", "-q", "-m", "submodule")
        try git("push", "-q", "-f", "origin", "HEAD:refs/heads/main")
        return try git("rev-parse", "HEAD")
    }

    /// A commit of one hand-made tree, for names that git itself would never write.
    func commitTree(_ entries: [(mode: String, name: String, id: String)]) throws -> String {
        var bytes = Data()
        for entry in entries {
            bytes.append(Data("\(entry.mode) \(entry.name)\0".utf8))
            var digits = entry.id[...]
            while !digits.isEmpty {
                // Two hexadecimal digits of an id that git has printed.
                bytes.append(UInt8(digits.prefix(2), radix: 16) ?? 0)
                digits = digits.dropFirst(2)
            }
        }
        let tree = try git("hash-object", "-t", "tree", "-w", "--literally", "--stdin", input: bytes)
        let revision = try git("commit-tree", "-m", "hand-made", tree)
        try git("push", "-q", "-f", "origin", "\(revision):refs/heads/main")
        return revision
    }

    func blob(_ text: String) throws -> String {
        try git("hash-object", "-w", "--stdin", input: Data(text.utf8))
    }

    static let environment = [
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.com", "GIT_AUTHOR_DATE": "1700000000 +0200",
        "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.com",
        "GIT_COMMITTER_DATE": "1700000000 +0200",
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "protocol.file.allow", "GIT_CONFIG_VALUE_0": "always",
    ]
}

/// The contents of a text file; nil where there is none.
func text(_ path: String) -> String? {
    try? String(contentsOfFile: path, encoding: .utf8)
}

/// Text that does not compress, so that a pack has at least this many bytes.
func noise(_ count: Int) -> String {
    var generator = SystemRandomNumberGenerator()
    return String((0..<count).map { _ in Character(UnicodeScalar(UInt8.random(in: 33...126, using: &generator))) })
}
