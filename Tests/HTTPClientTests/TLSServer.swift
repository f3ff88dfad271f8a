import Foundation

/// OpenSSL's own test server on a free loopback port, with a certificate made for it. Ends with its owner.
final class TLSServer {
    let port: Int
    /// The server's certificate, which vouches for itself.
    let caFile: String
    /// The certificate that a client has to show, and its key.
    let clientCertificate: [UInt8]
    let clientKey: [UInt8]
    private let path: String
    private let folder: URL
    private let server: Child

    /// - Parameters:
    ///   - name: what the certificate vouches for: `IP:127.0.0.1`.
    ///   - path: what can be asked for.
    ///   - response: a whole HTTP response, given to `GET` of the path.
    ///   - asksClient: only a client with the ``clientCertificate`` is served.
    init(name: String, path: String = "response", response: String, asksClient: Bool = false) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("fairlead-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let key = folder.appendingPathComponent("key.pem")
        let certificate = folder.appendingPathComponent("cert.pem")
        let clientKey = folder.appendingPathComponent("client-key.pem")
        let clientCertificate = folder.appendingPathComponent("client-cert.pem")
        try makeCertificate(certificate, key, name: name)
        try makeCertificate(clientCertificate, clientKey, name: "DNS:client")
        caFile = certificate.path
        self.clientCertificate = [UInt8](try Data(contentsOf: clientCertificate))
        self.clientKey = [UInt8](try Data(contentsOf: clientKey))
        try Data(response.utf8).write(to: folder.appendingPathComponent(path))
        var arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", caFile, "-key", key.path, "-HTTP"]
        if asksClient { arguments += ["-Verify", "1", "-verify_return_error", "-CAfile", clientCertificate.path] }
        self.path = path
        server = try Child(arguments, in: folder)
        // "ACCEPT 127.0.0.1:43211"
        guard let line = server.firstLine(startingWith: "ACCEPT"),
            let port = line.split(separator: ":").last.flatMap({ Int($0) })
        else { throw CocoaError(.executableLoad) }
        self.port = port
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    var url: String { "https://127.0.0.1:\(port)/\(path)" }
}

private func makeCertificate(_ certificate: URL, _ key: URL, name: String) throws {
    let request = try Child(
        [
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test", "-addext", "subjectAltName=\(name)", "-keyout", key.path, "-out", certificate.path,
        ],
        in: certificate.deletingLastPathComponent()
    )
    guard request.wait() == 0 else { throw CocoaError(.executableLoad) }
}

/// A child process of openssl, killed with its owner.
///
/// Not Foundation's `Process`: its children inherit the blocked signals of a thread of the pool, so that `terminate`
/// does nothing to them.
private final class Child {
    private var id = pid_t()
    private let output = Pipe()
    private var status: Int32?

    init(_ arguments: [String], in folder: URL) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output.fileHandleForWriting.fileDescriptor, 1)
        posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        // The server finds its files in the folder that it runs in.
        let start = ["sh", "-c", "cd \"$0\" && exec /usr/bin/openssl \"$@\"", folder.path]
        var words = (start + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        guard posix_spawn(&id, "/bin/sh", &actions, nil, &words, environ) == 0 else {
            throw CocoaError(.executableLoad)
        }
        try output.fileHandleForWriting.close()
    }

    deinit {
        guard status == nil else { return }
        kill(id, SIGKILL)
        _ = wait()
    }

    func wait() -> Int32 {
        var status: Int32 = 0
        while waitpid(id, &status, 0) < 0 && errno == EINTR {}
        self.status = status
        return status
    }

    /// Nil if the output ends without it.
    func firstLine(startingWith prefix: String) -> Substring? {
        var text = ""
        while true {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { return nil }
            text += String(decoding: more, as: UTF8.self)
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            if let line = lines.first(where: { $0.hasPrefix(prefix) }) { return line }
        }
    }
}
