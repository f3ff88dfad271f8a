import Glibc

extension ChildProcess {
    /// Starts a program that outlives the server: a session of its own, no terminal, standard output and error appended
    /// to a file, parent process 1. It is neither waited for nor recorded here: whoever asked keeps what is returned,
    /// and ends it with `endStale`.
    ///
    /// - Parameter environment: all that it sees, besides PATH, HOME, TMPDIR and LANG of the server.
    /// - Returns: its pid, start time and boot id, taken when it had become the program.
    /// - Throws: `ChildError` if it could not be started.
    public static func spawnDaemon(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        workingFolder: String = "/",
        logFile: String
    ) async throws -> ChildRecord {
        let launch = try Launch(executable, arguments, environment, workingFolder, input: nil, deadline: .seconds(10))
        // The substitution ends when nobody holds its pipe any more: the daemon gives it up when it opens its log.
        let script = #"""
            log=$1; shift
            pid=$(setsid --fork /bin/sh -c 'echo $$; export FAIRLEAD_GROUP=$$; log=$1; shift; exec "$@" >>"$log" 2>&1 </dev/null' sh "$log" "$@")
            echo "$pid"
            """#
        let (result, output) = try await ChildProcess(ledger: nil, run: nil).capture(
            "/bin/sh",
            ["-c", script, "sh", logFile, launch.program] + arguments,
            environment: environment,
            workingFolder: workingFolder,
            deadline: .seconds(10)
        )
        let text = String(decoding: output, as: UTF8.self).split(separator: "\n").first.map(String.init) ?? ""
        guard result.succeeded, let pid = Int32(text), let identity = identity(of: pid) else {
            throw ChildError(
                code: .notStarted,
                program: launch.program,
                message: "Cannot start \(launch.program): \(result.ending) \(result.lastLines(3))"
            )
        }
        return ChildRecord(
            pid: pid,
            startTime: identity.startTime,
            bootID: identity.bootID,
            command: launch.command,
            run: nil
        )
    }
}
