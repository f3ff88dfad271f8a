import Glibc

/// Calls podman with a configuration of our own: images, containers, networks, credentials and temporary files live in
/// one folder, what describes running containers in /run/fairlead, and nothing in /etc, /var/lib or a home changes.
/// Linux, root.
public struct Podman: Sendable {
    /// Absolute, without symbolic links.
    public let folder: String
    /// Where RUN steps of builds live; `NetworkFirewall` says what they may reach.
    public let buildNetwork: PodmanNetwork
    /// `host:port` of registries that speak plain http.
    public let insecureRegistries: [String]
    /// Nil: podman works on this machine.
    let remote: ServerSettings.RemoteBuilder?
    let children: ChildProcess
    private let ledger: (any ChildLedger)?

    /// Writes the configuration and chooses the networks, the same ones each time for a folder.
    ///
    /// - Parameters:
    ///   - folder: `DATA/podman`; made if missing, readable by root only.
    ///   - insecureRegistries: `host:port` of registries that speak plain http. Nil leaves those that were written
    ///     before: for whoever looks at a folder that a server may be using.
    ///   - ledger: where podman's processes are recorded.
    ///   - run: the run that they belong to.
    public init(
        folder: String,
        insecureRegistries: [String]?,
        ledger: (any ChildLedger)? = nil,
        run: Int64? = nil
    ) throws {
        try SmallFile.makeFolder(folder, mode: 0o700)
        self.folder = try SmallFile.canonical(folder)
        self.insecureRegistries = insecureRegistries ?? []
        self.remote = nil
        self.ledger = ledger
        self.children = ChildProcess(ledger: ledger, run: run)
        let configuration = PodmanConfiguration(folder: self.folder, insecureRegistries: insecureRegistries)
        try configuration.forgetEarlierBoot()
        try configuration.write()
        self.buildNetwork = try PodmanNetwork.ofBuilds(in: self.folder)
    }

    /// A podman elsewhere, for builds and pushes: its client runs here, without root, and keeps its own files in the
    /// folder. Nothing is asked of it yet.
    ///
    /// - Parameters:
    ///   - folder: `DATA/builder`; made if missing.
    ///   - insecureRegistries: as above.
    public init(
        folder: String,
        remote: ServerSettings.RemoteBuilder,
        insecureRegistries: [String],
        ledger: (any ChildLedger)? = nil
    ) throws {
        try SmallFile.makeFolder(folder, mode: 0o700)
        self.folder = try SmallFile.canonical(folder)
        self.remote = remote
        self.insecureRegistries = insecureRegistries
        self.ledger = ledger
        self.children = ChildProcess(ledger: ledger, run: nil)
        let client = RemoteClient(folder: self.folder)
        self.buildNetwork = PodmanNetwork(named: "fairlead-build-\(try client.write())")
    }

    private init(_ other: Podman, run: Int64?, yields: Bool = false) {
        folder = other.folder
        remote = other.remote
        insecureRegistries = other.insecureRegistries
        buildNetwork = other.buildNetwork
        ledger = other.ledger
        children = ChildProcess(ledger: other.ledger, run: run, yields: yields)
    }

    /// The same podman, with its processes recorded under this run.
    public func forRun(_ run: Int64?) -> Podman { Podman(self, run: run) }

    /// As ``forRun(_:)``, for building and pushing: its processes give way to everybody else. Not for pods, which would
    /// give way, too.
    func forBuild(of run: Int64?) -> Podman { Podman(self, run: run, yields: true) }

    /// How podman is called: for whoever starts it by other means.
    public func command(_ arguments: [String]) -> (
        executable: String, arguments: [String], environment: [String: String]
    ) {
        guard let remote else {
            return ("podman", arguments, PodmanConfiguration(folder: folder, insecureRegistries: []).environment)
        }
        let client = RemoteClient(folder: folder)
        return ("podman", client.options(remote) + arguments, client.environment)
    }

    /// Runs podman, with its output going to the log as it comes.
    ///
    /// - Parameter environment: on top of the configuration's.
    /// - Throws: as `ChildProcess.run`.
    public func run(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: [UInt8]? = nil,
        log: any StageLog,
        deadline: Duration
    ) async throws -> ChildResult {
        let command = command(arguments)
        return try await children.run(
            command.executable,
            command.arguments,
            environment: command.environment.merging(environment) { $1 },
            workingFolder: folder,
            input: input,
            deadline: deadline
        ) { log.write($0) }
    }

    /// Runs podman and keeps its standard output, at most 8 MiB.
    public func capture(
        _ arguments: [String],
        environment: [String: String] = [:],
        input: [UInt8]? = nil,
        deadline: Duration
    ) async throws -> (ChildResult, stdout: [UInt8]) {
        let command = command(arguments)
        return try await children.capture(
            command.executable,
            command.arguments,
            environment: command.environment.merging(environment) { $1 },
            workingFolder: folder,
            input: input,
            deadline: deadline
        )
    }

    /// The lines of standard output, without empty ones.
    /// - Throws: `StageError` (errored, `podman-failed`) if podman does not exit with 0.
    func lines(_ arguments: [String], deadline: Duration = .seconds(60)) async throws -> [String] {
        let (result, output) = try await capture(arguments, deadline: deadline)
        guard result.succeeded else {
            throw fault(arguments.first ?? "", result)
        }
        return String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Outside the data folder: see `PodmanConfiguration.runFolder`.
    var runFolder: String { PodmanConfiguration(folder: folder, insecureRegistries: []).runFolder }

    /// For temporary files of podman; each build has a folder of its own in it.
    var temporaryFolder: String { "\(folder)/tmp" }
}
