import Foundation
import Testing

@testable import Signing

@Suite struct RSASignerTests {
    @Test func `openssl verifies what was signed`() async throws {
        let folder = try #require(mkdtemp("/tmp/fairlead-rsa-XXXXXX"))
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await openssl("genrsa", "-out", "\(folder)/key.pem", "2048")
        try await openssl("rsa", "-in", "\(folder)/key.pem", "-pubout", "-out", "\(folder)/public.pem")
        let signer = try RSASigner(pem: Array(try Data(contentsOf: URL(filePath: "\(folder)/key.pem"))))
        let message = Array("a message".utf8)
        try Data(message).write(to: URL(filePath: "\(folder)/message"))
        try Data(try signer.sign(message)).write(to: URL(filePath: "\(folder)/signature"))
        try await openssl(
            "dgst",
            "-sha256",
            "-verify",
            "\(folder)/public.pem",
            "-signature",
            "\(folder)/signature",
            "\(folder)/message"
        )
    }

    @Test func `What is no RSA key of enough bits is refused`() async throws {
        let folder = try #require(mkdtemp("/tmp/fairlead-rsa-XXXXXX"))
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try await openssl("ecparam", "-genkey", "-name", "prime256v1", "-out", "\(folder)/curve.pem")
        try await openssl("genrsa", "-out", "\(folder)/small.pem", "1024")
        try await openssl("genrsa", "-aes256", "-passout", "pass:x", "-out", "\(folder)/locked.pem", "2048")
        for name in ["curve", "small", "locked"] {
            let pem = Array(try Data(contentsOf: URL(filePath: "\(folder)/\(name).pem")))
            let error = #expect(throws: SigningError.self) { try RSASigner(pem: pem) }
            #expect(error?.code == .badKey, "\(name)")
        }
        #expect(throws: SigningError.self) { try RSASigner(pem: Array("no key".utf8)) }
    }

    /// On a thread of Dispatch's: a child that is waited for must not hold up other tests.
    private func openssl(_ arguments: String...) async throws {
        let status = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let process = Process()
                process.executableURL = URL(filePath: "/usr/bin/openssl")
                process.arguments = arguments
                process.standardError = FileHandle.nullDevice
                process.standardOutput = FileHandle.nullDevice
                try? process.run()
                process.waitUntilExit()
                continuation.resume(returning: process.terminationStatus)
            }
        }
        #expect(status == 0, "openssl \(arguments[0])")
    }
}

private func mkdtemp(_ template: String) -> String? {
    var bytes = Array(template.utf8CString)
    return Foundation.mkdtemp(&bytes).map { String(cString: $0) }
}
