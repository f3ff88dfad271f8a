/// How a container finds the Services of its release: by the variables that Kubernetes gives it too ("Environment
/// variables" of kubernetes.io/docs/concepts/services-networking/service), `BACKEND_SERVICE_HOST` and
/// `BACKEND_SERVICE_PORT`, the latter of the first port. The port is not the Service's own: that one may be taken on
/// this machine.
struct ServiceVariables {
    let variables: [EnvironmentVariable]

    /// - Parameters:
    ///   - host: where the proxy is reached from the pods.
    ///   - ports: of the proxy, one for each port of each Service, in their order.
    init(_ services: [ReleaseBody.ServiceSpec], host: String, ports: [Int]) {
        var left = ports[...]
        variables = services.flatMap { service -> [EnvironmentVariable] in
            let own = left.prefix(service.ports.count)
            left = left.dropFirst(service.ports.count)
            guard let first = own.first else { return [] }
            let name = String(
                decoding: service.name.utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 },
                as: UTF8.self
            ).uppercased()
            return [
                EnvironmentVariable(name: "\(name)_SERVICE_HOST", value: .resolved(host)),
                EnvironmentVariable(name: "\(name)_SERVICE_PORT", value: .resolved("\(first)")),
            ]
        }
    }
}

extension ReleaseBody {
    /// The same, with variables that the containers' own may refer to, and win over.
    func telling(_ services: ServiceVariables) -> ReleaseBody {
        var body = self
        for index in body.deployments.indices { body.deployments[index].pod.prepend(services.variables) }
        body.before?.pod.prepend(services.variables)
        return body
    }
}

extension PodSpec {
    fileprivate mutating func prepend(_ variables: [EnvironmentVariable]) {
        for index in initContainers.indices { initContainers[index].environment.insert(contentsOf: variables, at: 0) }
        for index in containers.indices { containers[index].environment.insert(contentsOf: variables, at: 0) }
    }
}
