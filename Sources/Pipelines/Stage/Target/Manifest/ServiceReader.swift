/// Reads Services.
struct ServiceReader {
    /// Nil if nothing of the Service can be honoured; a warning says so.
    func read(_ object: FieldReader, _ name: String, _ workloads: [ReleaseBody.Workload]) throws -> ReleaseBody
        .ServiceSpec?
    {
        guard isLabel(name) else {
            throw object.invalid("metadata.name", "must have no dots and at most 63 characters")
        }
        guard let spec = try object.child("spec") else { throw object.invalid("spec", "is missing") }
        switch try spec.text("type") ?? "ClusterIP" {
        case "ClusterIP": break
        case "NodePort", "LoadBalancer":
            spec.warn("type", "is not honoured by the podman target: each port is served on a port of 127.0.0.1")
        case "ExternalName":
            spec.warn("type", "ExternalName is not honoured by the podman target, which skips this Service")
            return nil
        default: throw spec.invalid("type", "must be ClusterIP, NodePort or LoadBalancer")
        }
        let selector = try spec.table("selector")
        guard !selector.isEmpty else {
            spec.warn("selector", "is missing, so the podman target skips this Service")
            return nil
        }
        let ports = try spec.children("ports").compactMap(readPort)
        guard Set(ports.map(\.number)).count == ports.count else { throw spec.invalid("ports", "has a port twice") }
        let service = ReleaseBody.ServiceSpec(name: name, selector: selector, ports: ports)
        try check(service, spec, workloads)
        return service
    }

    private func readPort(_ port: FieldReader) throws -> ReleaseBody.ServiceSpec.Port? {
        guard let number = try port.integer("port", 1...65_535) else { throw port.invalid("port", "is missing") }
        if let transport = try port.text("protocol"), transport != "TCP" {
            port.warn("protocol", "is not honoured by the podman target, which skips the port: only TCP is proxied")
            return nil
        }
        let target = try port.portName("targetPort") ?? .number(number)
        return ReleaseBody.ServiceSpec.Port(
            number: number,
            target: target,
            mode: Self.mode(try port.text("appProtocol"), try port.text("name"))
        )
    }

    /// `appProtocol` decides; without it the port's name up to the first hyphen does, as service meshes read it. Plain
    /// http unless something says otherwise.
    static func mode(_ appProtocol: String?, _ name: String?) -> ProxyMode {
        if let appProtocol { return ["http", "kubernetes.io/ws"].contains(appProtocol.lowercased()) ? .http : .tcp }
        let word = (name ?? "").lowercased().split(separator: "-").first.map(String.init) ?? ""
        return bare.contains(word) ? .tcp : .http
    }

    private static let bare: Set<String> = [
        "tcp", "tls", "https", "wss", "grpc", "h2c", "http2", "postgres", "postgresql", "mysql", "mongo", "redis",
        "amqp",
        "mqtt", "smtp", "kafka",
    ]

    /// What a Service selects must have the ports that it names.
    private func check(
        _ service: ReleaseBody.ServiceSpec,
        _ spec: FieldReader,
        _ workloads: [ReleaseBody.Workload]
    ) throws {
        let selected = workloads.filter { service.selects($0) }
        if selected.isEmpty { spec.warn("selector", "selects no Deployment: the Service answers 503") }
        for port in service.ports {
            guard case .name(let name) = port.target else { continue }
            if let lacking = selected.first(where: { $0.port(port.target) == nil }) {
                throw spec.invalid(
                    "ports",
                    "has targetPort \(quoted(name)), which no container of Deployment \(lacking.name) names"
                )
            }
        }
    }
}

extension ReleaseBody.ServiceSpec {
    func selects(_ workload: ReleaseBody.Workload) -> Bool {
        selector.allSatisfy { workload.labels[$0.key] == $0.value }
    }
}

extension ReleaseBody.Workload {
    /// The number of a port of its pods.
    func port(_ port: PortName) -> Int? {
        switch port {
        case .number(let number): number
        case .name(let name): pod.containers.flatMap(\.ports).first { $0.name == name }?.number
        }
    }
}
