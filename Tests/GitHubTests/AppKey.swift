import Foundation
import Signing

/// A private key as GitHub gives one to an app.
enum AppKey {
    static func make() throws -> RSASigner {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/openssl")
        process.arguments = ["genrsa", "2048"]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        let pem = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return try RSASigner(pem: Array(pem))
    }
}
