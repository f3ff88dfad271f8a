import Foundation
import Signing

/// A private key as GitHub gives one to an app; made once.
enum AppKey {
    static func make() async throws -> RSASigner { try await key.value }

    private static let key = Task { try RSASigner(pem: await generate()) }

    /// On a thread of Dispatch's: a child that is waited for must not hold up other tests.
    private static func generate() async -> [UInt8] {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                let process = Process()
                process.executableURL = URL(filePath: "/usr/bin/openssl")
                process.arguments = ["genrsa", "2048"]
                let output = Pipe()
                process.standardOutput = output
                process.standardError = FileHandle.nullDevice
                try? process.run()
                let pem = output.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                continuation.resume(returning: Array(pem))
            }
        }
    }
}
