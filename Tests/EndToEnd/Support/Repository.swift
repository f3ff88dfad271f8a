import Foundation

/// A Git repository of the test's, served over http by `git http-backend`.
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
        let script = "\(base)/www/cgi-bin/git"
        try "#!/bin/sh\nexport GIT_PROJECT_ROOT='\(base)/www' GIT_HTTP_EXPORT_ALL=1\nexec git http-backend\n"
            .write(toFile: script, atomically: true, encoding: .utf8)
        try manager.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
        server = try Child(
            "/bin/busybox",
            ["httpd", "-f", "-p", "127.0.0.1:\(port)", "-h", "\(base)/www"],
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

    /// Writes files (nil removes one), commits, pushes, and returns the revision.
    @discardableResult
    func commit(_ files: [String: String?], message: String, branch: String = "main") async throws -> String {
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
        try await git("push", "-q", "--force", "origin", "HEAD:refs/heads/\(branch)")
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

    func end() async {
        server.signal(SIGKILL)
        await server.wait()
    }
}

/// A port on 127.0.0.1 that is free now.
func freeLoopbackPort() throws -> UInt16 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
        }
    }
    guard result == 0 else { throw Unexpected("no free port") }
    return UInt16(bigEndian: address.sin_port)
}
