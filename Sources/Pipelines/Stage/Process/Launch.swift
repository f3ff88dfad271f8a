import Glibc
import Subprocess
import SystemPackage

/// One program, ready to be started: found, with its whole environment.
struct Launch: Sendable {
    /// Waits for the line that says "recorded", then becomes the program. The variable tells later which group a
    /// process came from when the leader is gone (see `ChildProcess.endStale`).
    private static let gate =
        #"read -r go || exit 125; unset go; export \#(groupVariable)="$$"; exec "$@""#
    private static let gateWithoutInput = gate + " </dev/null"
    static let groupVariable = "FAIRLEAD_GROUP"

    /// Longest deadline that is waited for: what is "for ever" to a caller must not overflow a clock.
    private static let longest: Duration = .seconds(86_400 * 3650)

    let program: String
    let arguments: [String]
    let environment: [String: String]
    let workingFolder: String?
    let input: [UInt8]
    let hasInput: Bool
    let deadline: Duration

    init(
        _ executable: String,
        _ arguments: [String],
        _ environment: [String: String],
        _ workingFolder: String?,
        input: [UInt8]?,
        deadline: Duration
    ) throws {
        self.environment = Self.base.merging(environment) { $1 }
        self.program = try Self.find(executable, in: self.environment["PATH"] ?? "")
        self.arguments = arguments
        self.workingFolder = workingFolder
        self.input = input ?? []
        self.hasInput = input != nil
        self.deadline = min(deadline, Self.longest)
    }

    /// For the ledger and for people. Arguments are left out: they can be long, and values can be private.
    var command: String { ([program] + arguments.prefix(1)).joined(separator: " ") }

    var configuration: Configuration {
        var options = PlatformOptions()
        options.createSession = true
        let gate = hasInput ? Self.gate : Self.gateWithoutInput
        return Configuration(
            executable: .path("/bin/sh"),
            arguments: Arguments(["-c", gate, "sh", program] + arguments),
            environment: .custom(
                Dictionary(
                    uniqueKeysWithValues: environment.map { (Subprocess.Environment.Key(stringLiteral: $0), $1) }
                )
            ),
            workingDirectory: workingFolder.map { SystemPackage.FilePath($0) },
            platformOptions: options
        )
    }

    func result(_ status: TerminationStatus, timedOut: Bool, tail: Tail) -> ChildResult {
        switch status {
        case .exited(let code): ChildResult(exitCode: code, signal: nil, timedOut: timedOut, tail: tail.text)
        case .signaled(let number): ChildResult(exitCode: nil, signal: number, timedOut: timedOut, tail: tail.text)
        }
    }

    // MARK: - Environment

    /// What every child gets of the server's own environment, and nothing else of it.
    static var base: [String: String] {
        var result = ["PATH": searchPath(getenv("PATH").map { String(cString: $0) })]
        for name in ["HOME", "TMPDIR", "LANG"] {
            if let value = getenv(name) { result[name] = String(cString: value) }
        }
        return result
    }

    /// The given PATH and the standard folders that it lacks: runc and iptables live in /usr/sbin, which the PATH of
    /// people does not always have.
    private static func searchPath(_ given: String?) -> String {
        var folders = (given ?? "").split(separator: ":").map(String.init)
        for folder in ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"]
        where !folders.contains(folder) {
            folders.append(folder)
        }
        return folders.joined(separator: ":")
    }

    /// - Throws: `ChildError`.
    static func find(_ executable: String, in path: String) throws -> String {
        var candidates = [executable]
        if !executable.contains("/") {
            candidates = path.split(separator: ":").filter { $0.hasPrefix("/") }.map { "\($0)/\(executable)" }
        }
        let present = candidates.filter { isFile($0) }
        if let program = present.first(where: { access($0, X_OK) == 0 }) { return program }
        if let program = present.first {
            throw ChildError(code: .notExecutable, program: program, message: "\(program) is not executable")
        }
        throw ChildError(code: .notFound, program: executable, message: "\(executable) is not installed")
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
