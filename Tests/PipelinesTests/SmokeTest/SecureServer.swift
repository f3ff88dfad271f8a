import Foundation

@testable import Pipelines

/// OpenSSL's own test server with a certificate of its own for 127.0.0.1: every path is answered with 200, or, where it
/// serves files, their paths are.
struct SecureServer: Sendable {
    static let isThere = FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl")

    let port: Int
    let caFile: String

    var url: String { "https://127.0.0.1:\(port)/" }

    /// Serves these bytes from now on.
    func serve(_ bytes: [UInt8], as name: String) throws {
        try Data(bytes).write(
            to: URL(filePath: caFile).deletingLastPathComponent().appending(path: name),
            options: .atomic
        )
    }

    /// The server is there while `body` runs.
    static func with<Result: Sendable>(
        days: Int,
        serving files: [String: [UInt8]] = [:],
        _ body: @escaping @Sendable (SecureServer) async throws -> Result
    ) async throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appending(path: "fairlead-https-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let children = ChildProcess(ledger: nil, run: nil)
        let made = try await children.run(
            "/usr/bin/openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "\(days)",
                "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder + "/key.pem", "-out",
                folder + "/cert.pem",
            ],
            deadline: .seconds(30)
        ) { _ in }
        guard made.succeeded else { throw StageError(.errored, "no-server", made.tail) }
        for (name, bytes) in files { try SmallFile.write(bytes, to: "\(folder)/\(name)", mode: 0o600) }
        let (ports, found) = AsyncStream<Int>.makeStream()
        let serving = Task {
            let output = Locked("")
            _ = try? await children.run(
                "/usr/bin/openssl",
                [
                    "s_server", "-accept", "127.0.0.1:0", "-cert", folder + "/cert.pem", "-key", folder + "/key.pem",
                    files.isEmpty ? "-www" : "-WWW",
                ],
                workingFolder: folder,
                deadline: .seconds(60)
            ) { bytes in
                let port = output.withLock { text -> Int? in
                    text += String(decoding: bytes, as: UTF8.self)
                    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                    return lines.first { $0.hasPrefix("ACCEPT") }?.split(separator: ":").last.flatMap { Int($0) }
                }
                if let port { found.yield(port) }
            }
            found.finish()
        }
        defer { serving.cancel() }
        guard let port = await ports.first(where: { _ in true }) else {
            throw StageError(.errored, "no-server", "openssl s_server did not start")
        }
        return try await body(SecureServer(port: port, caFile: folder + "/cert.pem"))
    }
}
