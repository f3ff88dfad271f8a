import Glibc
import Signing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Debian's docker-registry on loopback, with its images, its password and its port in the data folder: the same ones
/// after a restart. It is a child of the server: it ends with it, and is started again when it dies.
public final class EmbeddedRegistry: Sendable {
    /// `127.0.0.1:PORT`
    public let address: String
    public let user: String
    public let password: String
    /// A docker `config.json` with its credentials, mode 0600.
    public let authFile: String
    /// Absolute.
    let folder: String
    let children: ChildProcess
    private let keeper: Task<Void, Never>

    private init(_ files: RegistryFiles, _ children: ChildProcess, keeper: Task<Void, Never>) {
        address = files.address
        user = RegistryFiles.user
        password = files.password
        authFile = files.authFile
        folder = files.folder
        self.children = children
        self.keeper = keeper
    }

    /// Starts the registry and waits until it answers.
    ///
    /// - Parameters:
    ///   - folder: `DATA/registry`; made if missing.
    ///   - port: nil: a free one, remembered in the folder.
    ///   - ledger: where its process is recorded.
    /// - Throws: `StageError` (errored): `registry-port`, `registry-start`, with the last lines of its log.
    public static func start(
        folder: String,
        port: Int? = nil,
        ledger: (any ChildLedger)? = nil
    ) async throws -> EmbeddedRegistry {
        let files = try RegistryFiles(folder: folder, port: port)
        try files.write()
        let children = ChildProcess(ledger: ledger, run: nil)
        let keeper = Task { await Self.keep(files, children) }
        do {
            try await waitUntilItAnswers(files)
        } catch {
            keeper.cancel()
            await keeper.value
            throw error
        }
        return EmbeddedRegistry(files, children, keeper: keeper)
    }

    /// Ends it; returns when it has ended.
    public func stop() async {
        keeper.cancel()
        await keeper.value
    }

    /// Runs it for as long as the task is not cancelled: again 0.2 s after it died, then 0.4 s, up to 30 s, and from the
    /// beginning once it has lived for a minute.
    private static func keep(_ files: RegistryFiles, _ children: ChildProcess) async {
        var wait = Duration.milliseconds(200)
        while !Task.isCancelled {
            let begin = ContinuousClock.now
            let log = LogFile(files.logFile)
            do {
                let result = try await children.run(
                    "docker-registry",
                    ["serve", files.configFile],
                    workingFolder: files.folder,
                    deadline: .seconds(86_400 * 3650)
                ) { log.append($0) }
                log.append(Array("the registry ended: \(result.ending)\n".utf8))
            } catch is CancellationError {
                return
            } catch {
                log.append(Array("\(error)\n".utf8))
            }
            if ContinuousClock.now - begin > .seconds(60) { wait = .milliseconds(200) }
            try? await Task.sleep(for: wait)
            wait = min(wait * 2, .seconds(30))
        }
    }

    private static func waitUntilItAnswers(_ files: RegistryFiles) async throws {
        let end = ContinuousClock.now + .seconds(15)
        while ContinuousClock.now < end {
            // 401 is its answer to whoever does not say who he is.
            if await LoopbackProbe.status(port: files.port, path: "/v2/") == 401 { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        let lines = (SmallFile.text(files.logFile) ?? "").split(separator: "\n").suffix(3).joined(separator: "\n")
        throw StageError(
            .errored,
            "registry-start",
            "docker-registry does not answer on \(files.address).\n\(lines)"
        )
    }
}

/// The registry's files in its folder.
struct RegistryFiles: Sendable {
    static let user = "fairlead"
    let folder: String
    let port: Int
    let password: String

    var address: String { "127.0.0.1:\(port)" }
    var configFile: String { "\(folder)/config.yml" }
    var authFile: String { "\(folder)/auth.json" }
    var logFile: String { "\(folder)/log" }

    init(folder: String, port: Int?) throws {
        try SmallFile.makeFolder(folder, mode: 0o700)
        self.folder = try SmallFile.canonical(folder)
        self.port = try Self.port(port, folder)
        let passwordFile = "\(folder)/password"
        if let known = SmallFile.text(passwordFile)?.trimmingWhitespace, !known.isEmpty {
            password = known
        } else {
            password = RandomToken.make()
            try SmallFile.write("\(password)\n", to: passwordFile, mode: 0o600)
        }
    }

    /// The given port, the remembered one if it is free, or a new one. Images are known by the address of their
    /// registry: it changes only when it must.
    private static func port(_ given: Int?, _ folder: String) throws -> Int {
        let file = "\(folder)/port"
        if let given, given != 0 {
            guard LoopbackProbe.isFree(port: given) else {
                throw StageError(.errored, "registry-port", "Port \(given) of 127.0.0.1 is taken by another program")
            }
            return given
        }
        if let known = SmallFile.text(file).flatMap({ Int($0.trimmingWhitespace) }), LoopbackProbe.isFree(port: known) {
            return known
        }
        guard let free = LoopbackProbe.freePort() else {
            throw StageError(.errored, "registry-port", "No free port on 127.0.0.1 for the registry")
        }
        try SmallFile.write("\(free)\n", to: file)
        return free
    }

    func write() throws {
        // Cost 5: each request is checked anew, and at 10 a push takes most of a second longer.
        let hash = try bcrypt(password: password, cost: 5)
        try SmallFile.write("\(Self.user):\(hash)\n", to: "\(folder)/htpasswd", mode: 0o600)
        let basic = Data("\(Self.user):\(password)".utf8).base64EncodedString()
        try SmallFile.write(
            #"{"auths": {"\#(address)": {"auth": "\#(basic)"}}}"# + "\n",
            to: authFile,
            mode: 0o600
        )
        try SmallFile.write(configuration, to: configFile, mode: 0o600)
        try SmallFile.makeFolder("\(folder)/images", mode: 0o700)
    }

    /// Source: distribution.github.io/distribution/about/configuration. Debian's own configuration listens on every
    /// interface.
    private var configuration: String {
        """
        version: 0.1
        log:
          level: warn
          accesslog:
            disabled: true
        storage:
          filesystem:
            rootdirectory: "\(folder)/images"
          delete:
            enabled: true
        http:
          addr: \(address)
          secret: "\(RandomToken.make())"
        auth:
          htpasswd:
            realm: fairlead
            path: "\(folder)/htpasswd"

        """
    }
}
