import Glibc

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The HAProxy of one data folder: a master process with workers, in a session of its own, that goes on when Fairlead
/// ends. Who it is stands in a file beside its configuration.
struct ProxyProcess: Sendable {
    let folder: String
    let children: ChildProcess

    /// How long HAProxy may take to start or to reload.
    private static let patience: Duration = .seconds(15)

    var socket: RuntimeSocket { RuntimeSocket(folder: folder) }
    private var configuration: String { "\(folder)/haproxy.cfg" }
    private var recordFile: String { "\(folder)/process.json" }
    private var logFile: String { "\(folder)/haproxy.log" }

    /// Debian's place; a PATH without /usr/sbin is common.
    private static var executable: String {
        SmallFile.exists("/usr/sbin/haproxy") ? "/usr/sbin/haproxy" : "haproxy"
    }

    /// The running master; nil if there is none.
    var running: ChildRecord? {
        if let recorded, ChildProcess.isAlive(recorded) { return recorded }
        return unrecorded
    }

    /// A master that was started by a server that died before it could write down who it is. It leads its own group,
    /// and nobody else runs in our folder.
    private var unrecorded: ChildRecord? {
        for pid in ProcessFolder.all() {
            let arguments = (SmallFile.read("/proc/\(pid)/cmdline") ?? []).split(separator: 0)
            guard arguments.contains(where: { $0.elementsEqual("haproxy.cfg".utf8) }),
                arguments.contains(where: { $0.elementsEqual(folder.utf8) }),
                let stat = ProcessFolder.stat(of: pid), stat.group == pid, stat.state != "Z"
            else { continue }
            return ChildRecord(
                pid: pid,
                startTime: stat.startTime,
                bootID: ProcessFolder.bootID,
                command: "haproxy",
                run: nil
            )
        }
        return nil
    }

    private var recorded: ChildRecord? {
        SmallFile.read(recordFile).flatMap { try? JSONDecoder().decode(ChildRecord.self, from: Data($0)) }
    }

    /// Writes the file and has HAProxy check it.
    func write(_ routes: [ProxyRoute]) async throws {
        let draft = "haproxy.cfg.new"
        try SmallFile.write(ProxyConfiguration(routes: routes).text, to: "\(folder)/\(draft)", mode: 0o600)
        let result: ChildResult
        do {
            (result, _) = try await children.capture(
                Self.executable,
                ["-c", "-q", "-C", folder, "-f", draft],
                workingFolder: folder,
                deadline: Self.patience
            )
        } catch let error as ChildError {
            throw StageError(
                .errored,
                "proxy-failed",
                "\(error.message): apt-get install --no-install-recommends haproxy"
            )
        }
        guard result.succeeded else {
            throw StageError(
                .errored,
                "proxy-failed",
                "HAProxy does not take its configuration (\(result.ending)): \(result.lastLines(2))"
            )
        }
        guard rename("\(folder)/\(draft)", configuration) == 0 else {
            throw StageError(
                .errored,
                "proxy-failed",
                "Cannot replace \(configuration): \(String(cString: strerror(errno)))"
            )
        }
    }

    /// Starts HAProxy from its file and waits until it answers.
    func start() async throws {
        SmallFile.remove(logFile)
        let record = try await ChildProcess.spawnDaemon(
            Self.executable,
            ["-W", "-C", folder, "-f", "haproxy.cfg"],
            workingFolder: folder,
            logFile: logFile
        )
        try SmallFile.write(Array(try JSONEncoder().encode(record)), to: recordFile, mode: 0o600)
        let end = Deadline(instant: .now + Self.patience)
        while (try? await socket.ask("show info")) == nil {
            guard ChildProcess.isAlive(record), !end.isOver else {
                await ChildProcess.endStale([record])
                let lines = (SmallFile.text(logFile) ?? "").split(separator: "\n")
                let reason = lines.last { $0.contains("ALERT") } ?? lines.last ?? "it says nothing"
                throw StageError(.errored, "proxy-failed", "HAProxy does not start: \(reason)")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Has the master start a worker with the file as it is now. The old worker gives up its ports to it and ends when
    /// its connections have.
    ///
    /// - Parameter sections: what the new worker serves: the sign that it is there.
    func reload(_ sections: Set<String>) async throws {
        guard let record = running else { return try await start() }
        kill(record.pid, SIGUSR2)
        let end = Deadline(instant: .now + Self.patience)
        while true {
            if let now = try? await RunningProxy(socket), Set(now.sections.keys) == sections { return }
            guard ChildProcess.isAlive(record), !end.isOver else {
                throw StageError(.errored, "proxy-failed", "HAProxy did not take its new configuration")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Ends HAProxy with all its workers, and what a killed one left.
    func stop() async {
        // The master's workers are in its group, and may still be there when it was killed.
        await ChildProcess.endStale([recorded, running].compactMap(\.self))
        SmallFile.remove(recordFile)
        SmallFile.remove("\(folder)/\(ProxyConfiguration.socket)")
    }
}
