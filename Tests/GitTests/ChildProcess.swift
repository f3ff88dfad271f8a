import Foundation

struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A process that a test starts and always ends.
///
/// By posix_spawn and not by Foundation's Process, whose children inherit the descriptors by which it watches the other
/// children: with a server among them, everybody waits for everybody. Ours inherit nothing but the three standard ones.
final class ChildProcess: @unchecked Sendable {
    // Unchecked: used by one test at a time.
    private let identifier: pid_t
    private let input: FileHandle
    private let output: FileHandle
    private var status: Int32?

    /// - Parameter arguments: with the program first, which is looked up in PATH.
    init(_ arguments: [String], in folder: String? = nil, environment: [String: String] = [:], errors: Int32 = 2) throws
    {
        let (inputEnd, ourInput) = try Self.channel()
        let (ourOutput, outputEnd) = try Self.channel()
        (input, output) = (ourInput, ourOutput)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for (number, descriptor) in [inputEnd.fileDescriptor, outputEnd.fileDescriptor, errors].enumerated() {
            posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The concurrency pool's threads block signals, and a child would inherit that.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
        var child = pid_t()
        let command = ["env"] + (folder.map { ["-C", $0] } ?? []) + arguments
        let outcome = Self.withCStrings(command) { command in
            Self.withCStrings(variables) { posix_spawn(&child, "/usr/bin/env", &actions, &attributes, command, $0) }
        }
        guard outcome == 0 else { throw TestFailure("\(arguments): \(String(cString: strerror(outcome)))") }
        identifier = child
    }

    deinit { stop() }

    func stop() {
        guard isRunning else { return }
        kill(identifier, SIGKILL)
        _ = wait()
    }

    var isRunning: Bool {
        guard status == nil else { return false }
        var value: Int32 = 0
        guard waitpid(identifier, &value, WNOHANG) == identifier else { return true }
        status = value
        return false
    }

    /// Waits for the end; 0 when it went well.
    func wait() -> Int32 {
        var value: Int32 = 0
        while status == nil {
            if waitpid(identifier, &value, 0) == identifier { status = value }
        }
        return status ?? -1
    }

    func write(_ data: Data) throws {
        try input.write(contentsOf: data)
        try input.close()
    }

    func readAll() throws -> String {
        String(decoding: try output.readToEnd() ?? Data(), as: UTF8.self)
    }

    func readLine() -> String? {
        var bytes: [UInt8] = []
        while let byte = try? output.read(upToCount: 1)?.first {
            if byte == UInt8(ascii: "\n") { break }
            bytes.append(byte)
        }
        return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
    }

    /// Two ends of a channel that no other child inherits. (A pipe can be made so only with pipe2, which Swift's Glibc
    /// does not show.)
    private static func channel() throws -> (FileHandle, FileHandle) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw TestFailure("no socket pair") }
        return (
            FileHandle(fileDescriptor: ends[0], closeOnDealloc: true),
            FileHandle(fileDescriptor: ends[1], closeOnDealloc: true)
        )
    }

    private static func withCStrings<Result>(
        _ strings: [String],
        _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
    ) -> Result {
        let copies = strings.map { strdup($0) }
        defer { for copy in copies { free(copy) } }
        return body(copies + [nil])
    }
}

/// Runs a program to its end and returns what it printed, errors included; throws when it fails.
@discardableResult
func run(
    _ program: String,
    _ arguments: [String],
    in folder: String? = nil,
    input: Data? = nil,
    environment: [String: String] = [:]
) throws -> String {
    let child = try ChildProcess([program] + arguments, in: folder, environment: environment, errors: 1)
    try child.write(input ?? Data())
    let text = try child.readAll().trimmingCharacters(in: .whitespacesAndNewlines)
    guard child.wait() == 0 else { throw TestFailure("\(program) \(arguments): \(text)") }
    return text
}
