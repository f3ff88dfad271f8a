public import HTTPClient

/// Deploys on this machine: the repository's Kubernetes manifests as pods of podman, new ones beside the old, and each
/// Service on a port of 127.0.0.1 that stays the same, served by a HAProxy that outlives the server.
///
/// One for each data folder; copies (and `forRun`) share what must be shared. Releases of one environment are applied
/// one at a time; different environments may be deployed together.
public struct PodmanTarget: Sendable {
    /// `DATA/target`: the pods' volumes, what each release serves, the proxy's files.
    let folder: String
    let engine: PodEngine
    let probes: ProbeClient
    let proxy: Proxy
    private let allow: [String]

    var podsFolder: String { "\(folder)/pods" }
    var releases: ReleaseFiles { ReleaseFiles(folder: "\(folder)/releases") }

    /// - Parameters:
    ///   - folder: `DATA/target`, absolute; made if missing, for root only.
    ///   - authFile: credentials of registries, in the form of podman's `--authfile`; nil if none are needed.
    ///   - drain: how long connections to old pods may last after the new ones took over.
    ///   - allow: what pods may reach of this machine and of link-local addresses (`NetworkFirewall`).
    /// - Throws: `StageError` (errored) if the folder cannot be made, or has a colon in its path.
    public init(
        podman: Podman,
        folder: String,
        authFile: String?,
        drain: Duration = .seconds(10),
        allow: [String] = [],
        client: HTTPClient = HTTPClient()
    ) throws {
        try SmallFile.makeFolder(folder, mode: 0o700)
        self.folder = try SmallFile.canonical(folder)
        // podman separates the parts of a mount by colons.
        guard !self.folder.utf8.contains(UInt8(ascii: ":")) else {
            throw StageError(
                .errored,
                "folder-name",
                "\(self.folder) has a colon in its path, which podman cannot mount"
            )
        }
        engine = PodEngine(podman: podman, authFile: authFile, entrance: Turnstile())
        probes = ProbeClient(engine: engine, http: client)
        proxy = Proxy(folder: "\(self.folder)/proxy", children: podman.children, drainTime: drain)
        self.allow = allow
    }

    private init(_ other: PodmanTarget, _ podman: Podman, authFile: String?) {
        folder = other.folder
        engine = PodEngine(podman: podman, authFile: authFile, entrance: other.engine.entrance)
        probes = ProbeClient(engine: engine, http: other.probes.http)
        proxy = other.proxy
        allow = other.allow
    }

    /// The same target, with podman's processes recorded under a run and that run's credentials.
    public func forRun(_ run: Int64?, authFile: String?) -> PodmanTarget {
        PodmanTarget(self, engine.podman.forRun(run), authFile: authFile)
    }

    /// Reads a revision's manifests and makes of them what will be deployed.
    ///
    /// A container whose image is the bare name of one of the pipeline's images (`image: backend` or
    /// `image: backend:latest`) gets the digest that was pushed; others are left as they are written.
    ///
    /// - Parameters:
    ///   - checkout: the folder with the revision.
    ///   - secrets: the pipeline's secrets by name; they become Secret `NAME-secrets`.
    /// - Returns: the body, which holds secrets, and a sentence for everything that is read but cannot be honoured.
    /// - Throws: `StageError` (failed): `pod-field-not-allowed`, or another code that begins with `manifest-`.
    public static func render(
        checkout: String,
        definition: Definition,
        images: [PushedImage],
        secrets: [String: [UInt8]]
    ) throws -> (body: ReleaseBody, warnings: [String]) {
        try ManifestRenderer(definition).render(checkout: checkout, images: images, secrets: secrets)
    }

    /// Brings a release up: new pods beside the old ones, ready by their own probes and proven by their digests; then
    /// the proxy sends requests to them. The old pods stay until `retire`, so that an undo is instant.
    ///
    /// Called again for the same release, after a crash, it keeps the pods that are whole and makes the others again.
    ///
    /// - Parameter previous: the release that served the environment so far, for the log.
    /// - Throws: `StageError`. What it has made by then stays for `undo`, or to be looked at.
    public func apply(
        _ body: ReleaseBody,
        release: Int64,
        environment: String,
        previous: Int64?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> [ServiceEndpoint] {
        let back = previous.map { "; release \($0) stays until the smoke test has passed" } ?? ""
        log.line("Deploying release \(release) to \(environment)\(back)")
        try await bringUp(body, release, environment, runBefore: true, log, Deadline(instant: deadline))
        let endpoints = proxy.endpoints(of: environment)
        for endpoint in endpoints { log.line("\(endpoint.name):\(endpoint.port) is at http://\(endpoint.address)") }
        return endpoints
    }

    /// After the smoke test: removes the pods of every other release of the environment, each within its grace period
    /// and 10 s at most.
    ///
    /// - Throws: `StageError` (errored, `not-live`) if the proxy does not send requests to this release.
    public func retire(environment: String, keeping release: Int64, log: any StageLog) async throws {
        if let live = proxy.release(of: environment), live != release {
            throw StageError(
                .errored,
                "not-live",
                "Release \(live) serves \(environment), not \(release): nothing is removed"
            )
        }
        let old = try await engine.pods(environment: environment).filter { $0.release != release }
        if !old.isEmpty { log.line("Removing \(old.count) pods of earlier releases") }
        await remove(old)
        releases.keep([release], in: environment)
    }

    /// Where the Services of an environment can be reached, in order of name and port.
    public func endpoints(environment: String) throws -> [ServiceEndpoint] {
        proxy.endpoints(of: environment).sorted { ($0.name, $0.port) < ($1.name, $1.port) }
    }

    /// Starts the proxy again if it has died. Costs little when it has not.
    public func ensureProxy() async throws { try await proxy.ensureRunning() }

    // MARK: - Steps

    /// The network of an environment's pods, with its rules in place: they reach the ports of their own Services.
    ///
    /// - Parameter ports: of Services that are not served yet.
    func readyNetwork(of environment: String, ports: [Int] = []) async throws -> PodmanNetwork {
        let network = try PodmanNetwork.ofPods(environment, in: engine.podman.folder)
        let served = proxy.routes.filter { $0.environment == environment }.map(\.loopback)
        let own = Set(served + ports).sorted().map { "\(network.gateway):\($0)" }
        try await NetworkFirewall(network: network, for: .pods, allow: allow + own).ensure(engine.podman.children)
        return network
    }

    func bringUp(
        _ body: ReleaseBody,
        _ release: Int64,
        _ environment: String,
        runBefore: Bool,
        _ log: any StageLog,
        _ deadline: Deadline
    ) async throws {
        let ports = body.services.flatMap { service in service.ports.map { (service.name, $0.number) } }
        let reserved = try await proxy.reserve(environment, ports)
        let network = try await readyNetwork(of: environment, ports: reserved)
        let rollout = Rollout(
            engine: engine,
            probes: probes,
            network: network,
            podsFolder: podsFolder,
            environment: environment,
            release: release,
            body: body.telling(ServiceVariables(body.services, host: network.gateway, ports: reserved)),
            log: log,
            deadline: deadline
        )
        let pods: [PlayedPod]
        do {
            pods = try await rollout.run(runBefore: runBefore)
        } catch let error as StageError where error.outcome == .errored && deadline.isOver {
            throw StageError(.failed, "deploy-timeout", "The deploy was not done in time. \(error.reason.message)")
        }
        let services = ReleaseFiles.services(of: body, pods)
        try releases.write(services, environment, release)
        try await switchTo(services, release, environment, pods.map { ($0.name, $0.address) }, log)
    }

    /// Points the proxy at the pods of a release.
    func switchTo(
        _ services: [ServedPort],
        _ release: Int64,
        _ environment: String,
        _ addresses: [(PodName, String)],
        _ log: any StageLog
    ) async throws {
        let gateway = try PodmanNetwork.ofPods(environment, in: engine.podman.folder).gateway
        let known = Dictionary(addresses.map { ($0.0.description, $0.1) }, uniquingKeysWith: { first, _ in first })
        let routes = services.map { service in
            ProxyRoute(
                environment: environment,
                release: release,
                service: service.service,
                port: service.port,
                loopback: 0,
                gateway: gateway,
                mode: service.mode,
                servers: service.pods.compactMap { pod in known[pod.pod].map { "\($0):\(pod.port)" } }
            )
        }
        try await proxy.serve(environment, routes, log: log)
        log.line("The proxy sends requests to release \(release)")
    }

    func remove(_ pods: [ListedPod]) async {
        guard !pods.isEmpty else { return }
        await engine.remove(pods.map(\.name), grace: pods.compactMap(\.grace).max() ?? 10)
        for pod in pods { SmallFile.remove("\(podsFolder)/\(pod.name)") }
    }
}
