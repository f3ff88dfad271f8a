@testable import Pipelines

/// A repository on this disk, made with the real git.
struct WorkTree: Sendable {
    let folder: TestFolder
    var url: String { "file://\(folder.path)" }

    init(_ files: [String: String]) async throws {
        folder = try TestFolder()
        try await git("init", "--quiet", "--initial-branch", "main")
        try await commit(files)
    }

    /// Writes files, where nil removes one, and commits them.
    func commit(_ files: [String: String?]) async throws {
        for (path, text) in files {
            if let text { try folder.write(text, to: path) } else { SmallFile.remove("\(folder.path)/\(path)") }
        }
        try await git("add", "--all")
        try await git("commit", "--quiet", "--allow-empty", "--message", "A change")
    }

    private func git(_ arguments: String...) async throws {
        let result = try await ChildProcess(ledger: nil, run: nil).run(
            "git",
            ["-c", "user.name=Test", "-c", "user.email=test@localhost"] + arguments,
            environment: ["GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"],
            workingFolder: folder.path,
            deadline: .seconds(30)
        ) { _ in }
        guard result.succeeded else { throw StageError(.errored, "git", result.tail) }
    }
}
