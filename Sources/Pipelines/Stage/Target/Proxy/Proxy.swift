/// The proxy of one data folder: which pods answer on which port of 127.0.0.1. Everything is in files first and in
/// HAProxy then, and what HAProxy does is compared with the files each time: so it does not matter where a crash came
/// between.
///
/// Changes wait for one another, because each takes several steps. Copies share that.
struct Proxy: Sendable {
    /// How long connections to old pods may last after the new ones took over.
    private let drainTime: Duration
    private let folder: String
    private let process: ProxyProcess
    private let turnstile = Turnstile()

    private var stateFile: String { "\(folder)/state.json" }

    init(folder: String, children: ChildProcess, drainTime: Duration) {
        self.folder = folder
        self.drainTime = drainTime
        process = ProxyProcess(folder: folder, children: children)
    }

    /// What is served, as the file says.
    var routes: [ProxyRoute] { ProxyState.read(stateFile).routes }

    /// Which release's pods answer for an environment; nil for none.
    func release(of environment: String) -> Int64? {
        routes.first { $0.environment == environment }?.release
    }

    func endpoints(of environment: String) -> [ServiceEndpoint] {
        routes.filter { $0.environment == environment }.map(\.endpoint)
    }

    /// The port of each Service of an environment, which it keeps: chosen before there is anything to serve, because pods
    /// are told of it.
    ///
    /// - Returns: in the order of `services`.
    func reserve(_ environment: String, _ services: [(name: String, port: Int)]) async throws -> [Int] {
        try await turnstile.pass {
            var state = ProxyState.read(stateFile)
            let before = state
            let ports = try services.map { try port(of: $0.name, $0.port, environment, &state) }
            guard state != before else { return ports }
            try SmallFile.makeFolder(folder, mode: 0o700)
            try state.write(stateFile)
            return ports
        }
    }

    /// Lets other pods answer for an environment: new ones first take requests, then old ones take no more, and when
    /// theirs are done, or the drain time is over, they are out of the proxy.
    ///
    /// - Parameter planned: of the environment, with `loopback` not yet set. None: nothing is served any more.
    func serve(_ environment: String, _ planned: [ProxyRoute], log: any StageLog) async throws {
        let old = try await turnstile.pass {
            var state = ProxyState.read(stateFile)
            let others = state.routes.filter { $0.environment != environment }
            state.routes = others + (try assignPorts(planned, &state))
            let left = try await apply(state, log: log)
            return left
        }
        try await drain(old, log: log)
        try await turnstile.pass { try await settle() }
    }

    /// Starts HAProxy from its file if it is not there, and makes it serve what the file says.
    func ensureRunning() async throws {
        try await turnstile.pass {
            guard !routes.isEmpty else { return await process.stop() }
            let state = ProxyState.read(stateFile)
            let left = try await apply(state, log: nil)
            for server in left { _ = try? await process.socket.ask("shutdown sessions server \(server)") }
            try await settle()
        }
    }

    func stop() async {
        await turnstile.pass { await process.stop() }
    }

    // MARK: - Steps

    private func assignPorts(_ planned: [ProxyRoute], _ state: inout ProxyState) throws -> [ProxyRoute] {
        try planned.map { route in
            var route = route
            route.loopback = try port(of: route.service, route.port, route.environment, &state)
            return route
        }
    }

    private func port(
        of service: String,
        _ port: Int,
        _ environment: String,
        _ state: inout ProxyState
    ) throws -> Int {
        let key = ProxyState.key(environment, service, port)
        let chosen = try state.ports[key] ?? LoopbackPort.choose(except: Set(state.ports.values))
        state.ports[key] = chosen
        return chosen
    }

    /// Files, then HAProxy: new servers in, old ones asked to finish.
    /// - Returns: old servers that may still be at work, as `section/server`.
    private func apply(_ state: ProxyState, log: (any StageLog)?) async throws -> [String] {
        try SmallFile.makeFolder(folder, mode: 0o700)
        guard !state.routes.isEmpty else {
            try state.write(stateFile)
            await process.stop()
            return []
        }
        try await process.write(state.routes)
        try state.write(stateFile)
        guard process.running != nil, let running = try? await RunningProxy(process.socket) else {
            log?.line("Starting HAProxy")
            await process.stop()
            try await process.start()
            return []
        }
        var old: [String] = []
        for route in state.routes {
            guard let servers = running.sections[route.section] else { continue }
            for server in route.servers where !servers.contains(server) { try await add(server, to: route.section) }
            for server in servers.subtracting(route.servers).sorted() {
                try await command("set server \(route.section)/\(server) state drain")
                old.append("\(route.section)/\(server)")
            }
            // One that was asked to finish and is wanted again.
            for server in route.servers where servers.contains(server) {
                try await command("set server \(route.section)/\(server) state ready")
            }
        }
        return old
    }

    private func add(_ server: String, to section: String) async throws {
        let name = "\(section)/\(server)"
        // One in maintenance is left from a change that did not come to its end.
        _ = try? await process.socket.ask("del server \(name)")
        try await command("add server \(name) \(server)", expecting: "New server registered")
        try await command("enable server \(name)")
    }

    private func drain(_ servers: [String], log: any StageLog) async throws {
        guard !servers.isEmpty else { return }
        let end = Deadline(instant: .now + drainTime)
        var left = servers
        while !left.isEmpty {
            let busy = try await sessions()
            left = left.filter { busy[$0] ?? 0 > 0 }
            if left.isEmpty || end.isOver { break }
            try await Task.sleep(for: .milliseconds(50))
        }
        for name in left {
            log.line("Connections to \(name) are not over after \(drainTime.words) and are ended")
            _ = try? await process.socket.ask("shutdown sessions server \(name)")
        }
        for name in servers {
            _ = try? await process.socket.ask("set server \(name) state maint")
            await delete(name)
        }
    }

    /// HAProxy refuses for as long as a connection is attached, which ends a moment after its session. What stays in
    /// maintenance gets no request and is gone with the next reload.
    private func delete(_ name: String) async {
        for _ in 0..<40 {
            guard let answer = try? await process.socket.ask("del server \(name)") else { return }
            if answer.contains("Server deleted") || answer.contains("No such") || answer.contains("not found") {
                return
            }
            try? await Task.sleep(for: .milliseconds(25))
        }
    }

    /// Reloads HAProxy if it does not have exactly the sections of the file, and sees that it has the servers.
    private func settle() async throws {
        let routes = routes
        guard !routes.isEmpty else { return }
        if process.running == nil {
            await process.stop()
            try await process.start()
        }
        let wanted = Set(routes.map(\.section))
        var running = try await runningProxy()
        if Set(running.sections.keys) != wanted {
            try await process.reload(wanted)
            running = try await runningProxy()
        }
        for route in routes where running.sections[route.section] != Set(route.servers) {
            throw StageError(
                .errored,
                "proxy-failed",
                "HAProxy does not serve \(route.service):\(route.port) as it should"
            )
        }
    }

    private func runningProxy() async throws -> RunningProxy {
        do {
            return try await RunningProxy(process.socket)
        } catch let error as RuntimeSocket.Failure {
            throw StageError(.errored, "proxy-failed", "HAProxy does not answer: \(error.message)")
        }
    }

    /// `section/server` → sessions at work.
    private func sessions() async throws -> [String: Int] {
        guard let answer = try? await process.socket.ask("show stat -1 4 -1") else { return [:] }
        let lines = answer.split(separator: "\n")
        let columns = (lines.first ?? "").drop { $0 == "#" || $0 == " " }.split(separator: ",").map(String.init)
        guard let current = columns.firstIndex(of: "scur") else { return [:] }
        var sessions: [String: Int] = [:]
        for line in lines.dropFirst() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count > current else { continue }
            sessions["\(fields[0])/\(fields[1])"] = Int(fields[current]) ?? 0
        }
        return sessions
    }

    /// Most commands say nothing when they have done what they should.
    private func command(_ text: String, expecting expected: String = "") async throws {
        let answer: String
        do {
            answer = try await process.socket.ask(text)
        } catch let error as RuntimeSocket.Failure {
            throw StageError(.errored, "proxy-failed", "HAProxy does not answer: \(error.message)")
        }
        let said = answer.filter { !$0.isNewline }
        guard expected.isEmpty ? said.isEmpty : said.contains(expected) else {
            throw StageError(.errored, "proxy-failed", "HAProxy refuses '\(text)': \(said)")
        }
    }
}
