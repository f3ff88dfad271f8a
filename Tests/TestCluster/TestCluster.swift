import Foundation
import HTTPClient
import HTTPServer
public import Kubernetes

/// A Kubernetes API server for tests: in memory, over plain HTTP on loopback, with controllers that play a cluster.
/// Faithful where a client that applies, watches and undoes would notice, see Tests/TestCluster/README.md.
public final class TestCluster: Sendable {
    private let machine: Machine
    private let server: HTTPServer
    private let proxy: Proxy

    /// - Throws: `HTTPServerError` where the port is taken.
    public static func start(_ options: ClusterOptions = ClusterOptions()) throws -> TestCluster {
        try TestCluster(options)
    }

    private init(_ options: ClusterOptions) throws {
        let machine = Machine(Cluster(options))
        let proxy = Proxy()
        var configuration = HTTPServerConfiguration()
        configuration.port = options.port
        configuration.maxBodyBytes = 3 << 20
        configuration.heartbeat = .milliseconds(500)
        configuration.idleTimeout = 600
        server = try HTTPServer(configuration: configuration) { request, responder in
            switch machine.with({ $0.handle(request) }) {
            case .json(let value, let status): responder.respond(.json(value.bytes, status: status))
            case .response(let response): responder.respond(response)
            case .later(let time, let response):
                machine.with { $0.agenda.after(time) { _ in responder.respond(response) } }
            case .stalled(let time):
                machine.with { $0.agenda.after(time) { responder.respond($0.carryOut(request)) } }
            case .silence: machine.with { $0.held.append(responder) }
            case .forward(let port, let path): proxy.forward(request, port: port, path: path, responder)
            }
        }
        self.machine = machine
        self.proxy = proxy
    }

    deinit { machine.stop() }

    /// Ends the watches and what is held, and frees the port.
    public func stop() async {
        machine.with { cluster in
            cluster.watchers.drop()
            cluster.held = []
        }
        machine.stop()
        await server.stop(grace: .zero)
    }

    public var port: UInt16 { server.port }
    /// `http://127.0.0.1:PORT`.
    public var url: String { "http://127.0.0.1:\(port)" }

    /// A kubeconfig in YAML with the first of the tokens.
    public var kubeconfig: String {
        let token = machine.with { $0.tokens.keys.min() } ?? ""
        return """
            apiVersion: v1
            kind: Config
            clusters:
            - name: test
              cluster: { server: "\(url)" }
            users:
            - name: tester
              user: { token: "\(token)" }
            contexts:
            - name: test
              context: { cluster: test, user: tester, namespace: default }
            current-context: test

            """
    }

    // MARK: Looking

    /// Every request so far, in order.
    public var requests: [LoggedRequest] { machine.with { $0.requests } }

    public func forgetRequests() { machine.with { $0.requests = [] } }

    public func object(_ apiVersion: String, _ kind: String, _ namespace: String?, _ name: String) -> JSON? {
        machine.with { ClusterView(cluster: $0).object(apiVersion, kind, namespace, name) }
    }

    public func objects(_ apiVersion: String, _ kind: String, _ namespace: String? = nil) -> [JSON] {
        machine.with { ClusterView(cluster: $0).objects(apiVersion, kind, namespace) }
    }

    /// Every object of every kind.
    public var everything: [JSON] { machine.with { $0.store.all } }

    /// The present revision of the whole store.
    public var revision: Int64 { machine.with { $0.store.revision } }

    /// Waits until a condition holds, which is looked at after every change.
    /// - Returns: false when the time is over.
    @discardableResult
    public func wait(
        for time: Duration = .seconds(10),
        until isMet: @escaping @Sendable (ClusterView) -> Bool
    ) async -> Bool {
        await machine.wait(for: time) { isMet(ClusterView(cluster: $0)) }
    }

    // MARK: Setting the scene

    /// Makes or replaces an object, as somebody who is allowed to do everything, also its status.
    public func arrange(_ object: JSON) { machine.with { $0.arrange(object) } }

    public func remove(_ apiVersion: String, _ kind: String, _ namespace: String?, _ name: String) {
        machine.with { cluster in
            guard let resource = cluster.resources.find(kind: kind, apiVersion: apiVersion) else { return }
            let place = Place(resource: resource.key, namespace: namespace ?? "", name: name)
            _ = try? cluster.delete(place, resource, DeleteOptions())
        }
    }

    /// How an image runs from now on, also in pods that start again.
    public func setImage(_ name: String, _ behaviour: ImageBehaviour) {
        machine.with { $0.images.behaviours[name] = behaviour }
    }

    /// Lets a tag name other content from now on.
    public func moveTag(_ name: String, to digest: String) {
        machine.with { $0.images.behaviours[name, default: ImageBehaviour()].digest = digest }
    }

    /// Requests to `…/services/NAME:PORT/proxy/…` go to a port on loopback.
    public func serve(_ service: String, in namespace: String, port: Int, from loopback: UInt16) {
        machine.with { $0.backends["\(namespace)/\(service):\(port)"] = loopback }
    }

    /// Where requests to a service go.
    public func backend(_ service: String, in namespace: String, port: Int) -> UInt16? {
        machine.with { $0.backends["\(namespace)/\(service):\(port)"] }
    }

    public func order(_ fault: Fault) { machine.with { $0.faults.append(ArmedFault(fault: fault)) } }

    public func clearFaults() { machine.with { $0.faults = [] } }

    /// Breaks the connections of all watches.
    public func dropWatches() { machine.with { $0.watchers.drop() } }

    /// Forgets all changes so far: watches from before are told 410.
    public func compact() { machine.with { $0.store.compact() } }

    public func revoke(_ token: String) { machine.with { _ = $0.tokens.removeValue(forKey: token) } }

    public func setAccess(_ rules: [AccessRule]) { machine.with { $0.access = rules } }
}

/// What a condition may look at.
public struct ClusterView {
    let cluster: Cluster

    public func object(_ apiVersion: String, _ kind: String, _ namespace: String?, _ name: String) -> JSON? {
        guard let resource = cluster.resources.find(kind: kind, apiVersion: apiVersion) else { return nil }
        return cluster.store[Place(resource: resource.key, namespace: namespace ?? "", name: name)]
    }

    public func objects(_ apiVersion: String, _ kind: String, _ namespace: String? = nil) -> [JSON] {
        guard let resource = cluster.resources.find(kind: kind, apiVersion: apiVersion) else { return [] }
        return cluster.store.list(resource.key, namespace: namespace)
    }

    public var requests: [LoggedRequest] { cluster.requests }
    /// Watches that are open now.
    public var watches: Int { cluster.watchers.all.count }
}
