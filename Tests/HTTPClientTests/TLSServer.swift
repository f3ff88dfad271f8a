import Foundation

/// OpenSSL's own test server on a free loopback port, with a certificate made for it. Ends with its owner.
final class TLSServer {
    let port: Int
    let caFile: String
    private let folder: URL
    private let process = Process()

    /// - Parameters:
    ///   - name: what the certificate vouches for: `IP:127.0.0.1`.
    ///   - response: a whole HTTP response, given to `GET /response`.
    init(name: String, response: String) throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("fairlead-tls-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        caFile = folder.appendingPathComponent("cert.pem").path
        let key = folder.appendingPathComponent("key.pem").path
        try Self.run([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
            "-subj", "/CN=test", "-addext", "subjectAltName=\(name)", "-keyout", key, "-out", caFile,
        ])
        try Data(response.utf8).write(to: folder.appendingPathComponent("response"))
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = ["s_server", "-accept", "127.0.0.1:0", "-cert", caFile, "-key", key, "-HTTP"]
        process.currentDirectoryURL = folder
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        // "ACCEPT 127.0.0.1:43211"
        var text = ""
        while !(text.contains("ACCEPT") && text.hasSuffix("\n")) {
            let more = output.fileHandleForReading.availableData
            guard !more.isEmpty else { throw CocoaError(.executableLoad) }
            text += String(decoding: more, as: UTF8.self)
        }
        guard let port = text.split(whereSeparator: \.isNewline).last.flatMap({ Int($0.split(separator: ":").last ?? "") })
        else { throw CocoaError(.executableLoad) }
        self.port = port
    }

    deinit {
        if process.isRunning {
            process.terminate()
            process.waitUntilExit()
        }
        try? FileManager.default.removeItem(at: folder)
    }

    var url: String { "https://127.0.0.1:\(port)/response" }

    private static func run(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    }
}
