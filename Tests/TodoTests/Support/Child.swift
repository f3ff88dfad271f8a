import Foundation

struct Unexpected: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Asks again until the answer is there.
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
        try await Task.sleep(for: .milliseconds(20))
    }
}

/// Waits until it is so.
func waitUntil(_ what: String, seconds: Double = 60, _ isSo: () async throws -> Bool) async throws {
    try await eventually(what, seconds: seconds) { try await isSo() ? true : nil }
}

/// One of the three programs, running. It can be killed and started again, on the same port.
final class Child: @unchecked Sendable {
    // Unchecked: `process` changes behind the lock, and Process takes signals from any thread.
    let port: UInt16
    let program: String
    private let environment: [String: String]
    private let log: String
    private let lock = NSLock()
    private var process = Process()

    /// The folder with the built programs: that of the test program itself.
    static let programs = (CommandLine.arguments[0] as NSString).deletingLastPathComponent
    static let root: String = {
        var url = URL(filePath: #filePath)
        for _ in 0..<4 { url.deleteLastPathComponent() }
        return url.path
    }()

    /// Starts it and waits until it answers.
    /// - Parameter folder: for its log.
    init(_ program: String, folder: String, environment: [String: String]) async throws {
        port = try freePort()
        self.program = program
        self.environment = environment.merging(["LISTEN": "127.0.0.1:\(port)"]) { $1 }
        log = "\(folder)/\(program)-\(port).log"
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        try await start()
    }

    var url: String { "http://127.0.0.1:\(port)" }
    var said: String { (try? String(contentsOfFile: log, encoding: .utf8)) ?? "" }
    var isRunning: Bool { lock.withLock { process.isRunning } }

    func start() async throws {
        let new = Process()
        let output = FileHandle(forWritingAtPath: log)!
        try output.seekToEnd()
        new.executableURL = URL(filePath: "\(Self.built)/\(program)")
        new.environment = environment
        new.standardInput = FileHandle.nullDevice
        new.standardOutput = output
        new.standardError = output
        try new.run()
        lock.withLock { process = new }
        try await waitUntil("\(program) listens") {
            guard new.isRunning else { throw Unexpected("\(program) ended: \(said)") }
            // Not by listening there oneself: the program would find its port taken.
            guard let connection = try? connectedSocket(port) else { return false }
            close(connection)
            return true
        }
    }

    /// Beside the test program, or where SwiftPM builds.
    private static let built =
        FileManager.default.isExecutableFile(atPath: "\(programs)/todo-backend") ? programs : "\(root)/.build/debug"

    func kill() async { await end(SIGKILL) }

    /// The most memory that it has had in RAM, in bytes (proc(5), `VmHWM`).
    func mostMemory() throws -> Int {
        let id = lock.withLock { process.processIdentifier }
        let status = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        guard let kilobytes = line?.split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else {
            throw Unexpected("/proc/\(id)/status has no VmHWM")
        }
        return kilobytes << 10
    }

    /// - Returns: the exit status, or the negated signal.
    @discardableResult
    func end(_ signal: Int32 = SIGTERM) async -> Int32 {
        let process = lock.withLock { self.process }
        let deadline = ContinuousClock.now + .seconds(30)
        if process.isRunning { Glibc.kill(process.processIdentifier, signal) }
        while process.isRunning {
            if ContinuousClock.now > deadline { Glibc.kill(process.processIdentifier, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(10))
        }
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }
}
