import Foundation

/// A Git repository of the test's, served over http by `git http-backend`. Beside it is `locked.git`, where nobody
/// gets in but `deploy` with a password that the tests do not use.
final class Repository: Sendable {
    let folder: String
    let url: String
    private let server: Child

    /// - Parameter files: path → contents of the first commit.
    init(in base: String, files: [String: String]) async throws {
        folder = "\(base)/work"
        let port = try freeLoopbackPort()
        url = "http://127.0.0.1:\(port)/cgi-bin/git/sample.git"
        let manager = FileManager.default
        try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try manager.createDirectory(atPath: "\(base)/www/cgi-bin", withIntermediateDirectories: true)
        try "/cgi-bin/git/locked.git:deploy:\(UUID().uuidString)\n"
            .write(toFile: "\(base)/www/httpd.conf", atomically: true, encoding: .utf8)
        let script = "\(base)/www/cgi-bin/git"
        try "#!/bin/sh\nexport GIT_PROJECT_ROOT='\(base)/www' GIT_HTTP_EXPORT_ALL=1\nexec git http-backend\n"
            .write(toFile: script, atomically: true, encoding: .utf8)
        try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        server = try Child(
            "/bin/busybox",
            ["httpd", "-f", "-p", "127.0.0.1:\(port)", "-h", "\(base)/www", "-c", "\(base)/www/httpd.conf"],
            environment: ["PATH": "/usr/bin:/bin"],
            folder: base,
            log: "\(base)/git-server.log"
        )
        try await sh("/usr/bin/git", ["init", "-q", "-b", "main", folder])
        try await sh("/usr/bin/git", ["init", "-q", "--bare", "-b", "main", "\(base)/www/sample.git"])
        try await git("remote", "add", "origin", "\(base)/www/sample.git")
        try manager.copyItem(atPath: "/bin/busybox", toPath: "\(folder)/busybox")
        try await commit(files, message: "First")
    }

    /// Writes files (nil removes one), commits, pushes unless told not to, and returns the revision.
    @discardableResult
    func commit(_ files: [String: String?], message: String, branch: String = "main", pushing: Bool = true) async throws
        -> String
    {
        for (path, text) in files {
            let whole = "\(folder)/\(path)"
            guard let text else {
                try FileManager.default.removeItem(atPath: whole)
                continue
            }
            try FileManager.default.createDirectory(
                atPath: (whole as NSString).deletingLastPathComponent,
                withIntermediateDirectories: true
            )
            try text.write(toFile: whole, atomically: true, encoding: .utf8)
        }
        try await git("add", "--all")
        try await git("commit", "-q", "--allow-empty", "-m", message)
        if pushing { try await git("push", "-q", "--force", "origin", "HEAD:refs/heads/\(branch)") }
        return try await head()
    }

    func head() async throws -> String {
        try await git("rev-parse", "HEAD").trimmingCharacters(in: .whitespacesAndNewlines)
    }

    @discardableResult
    func git(_ arguments: String...) async throws -> String {
        let identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "safe.directory=*"]
        return try await sh(
            "/usr/bin/git",
            identity + arguments,
            folder: folder,
            environment: ["GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"]
        ).output
    }

    /// From now on nobody is answered; connections are taken.
    func freeze() { server.signal(SIGSTOP) }

    func thaw() { server.signal(SIGCONT) }

    func end() async {
        server.signal(SIGKILL)
        await server.wait()
    }
}
