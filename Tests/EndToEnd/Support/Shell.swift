import Foundation
import Testing

/// A program that the test started. It is ended with the test, whatever happens.
final class Child: @unchecked Sendable {
    // Unchecked: Process is only started and signalled, both of which it allows from any thread.
    private let process = Process()
    private let output: FileHandle
    let outputPath: String

    init(_ program: String, _ arguments: [String], environment: [String: String], folder: String, log: String) throws {
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        outputPath = log
        output = FileHandle(forWritingAtPath: log)!
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = URL(filePath: folder)
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    var said: String { (try? String(contentsOfFile: outputPath, encoding: .utf8)) ?? "" }

    func signal(_ number: Int32) { if process.isRunning { kill(process.processIdentifier, number) } }

    /// Waits until the program has ended and returns its exit status, or the negated signal.
    @discardableResult
    func wait() async -> Int32 {
        while process.isRunning { try? await Task.sleep(for: .milliseconds(20)) }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    func end() async {
        signal(SIGTERM)
        let deadline = ContinuousClock.now + .seconds(30)
        while process.isRunning, ContinuousClock.now < deadline { try? await Task.sleep(for: .milliseconds(20)) }
        signal(SIGKILL)
        await wait()
    }
}

/// Runs a program to its end and returns what it said; a status other than 0 fails the test unless it is expected.
@discardableResult
func sh(
    _ program: String,
    _ arguments: [String],
    folder: String = "/",
    environment: [String: String] = [:],
    expecting status: Int32? = 0
) async throws -> (status: Int32, output: String) {
    let log = NSTemporaryDirectory() + "fl-sh-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: log) }
    let base = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": folder, "LANG": "C.UTF-8"]
    let child = try Child(
        program,
        arguments,
        environment: base.merging(environment) { $1 },
        folder: folder,
        log: log
    )
    let ended = await child.wait()
    if let status, ended != status {
        throw Unexpected("\(program) \(arguments.joined(separator: " ")) ended with \(ended): \(child.said)")
    }
    return (ended, child.said)
}

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Asks again until the answer is there, at most `seconds`.
@discardableResult
func eventually<Result>(
    _ what: String,
    seconds: Double = 60,
    _ body: () async throws -> Result?
) async throws -> Result {
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
        if let result = try await body() { return result }
        if ContinuousClock.now > deadline { throw Unexpected("not within \(seconds) s: \(what)") }
        try await Task.sleep(for: .milliseconds(25))
    }
}
