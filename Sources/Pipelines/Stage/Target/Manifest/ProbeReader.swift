/// Reads readiness and startup probes.
struct ProbeReader {
    /// Of the container, for ports by name.
    let ports: [ContainerSpec.Port]

    func read(_ probe: FieldReader) throws -> ProbeSpec {
        try probe.check(.probe)
        let times = 1...86_400
        return ProbeSpec(
            action: try readAction(probe),
            initialDelay: Double(try probe.integer("initialDelaySeconds", 0...86_400) ?? 0),
            period: Double(try probe.integer("periodSeconds", times) ?? 10),
            timeout: Double(try probe.integer("timeoutSeconds", times) ?? 1),
            successThreshold: try probe.integer("successThreshold", times) ?? 1,
            failureThreshold: try probe.integer("failureThreshold", times) ?? 3
        )
    }

    private func readAction(_ probe: FieldReader) throws -> ProbeSpec.Action {
        if probe.has("grpc") { throw probe.unsupported("grpc", "is not supported by the podman target") }
        if let exec = try probe.child("exec") {
            let command = try exec.texts("command")
            guard !command.isEmpty else { throw exec.invalid("command", "is missing") }
            return .exec(command)
        }
        if let socket = try probe.child("tcpSocket") {
            try refuseHost(socket)
            return .tcpSocket(port: try readPort(socket))
        }
        guard let get = try probe.child("httpGet") else {
            throw probe.invalid("httpGet", "or another action is missing")
        }
        try refuseHost(get)
        let port = try readPort(get)
        if try get.text("scheme") == "HTTPS" {
            get.warn("scheme", "HTTPS is not honoured by the podman target, which only connects to the port")
            return .tcpSocket(port: port)
        }
        let path = try get.text("path") ?? "/"
        guard path.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw get.invalid("path", "has a space or a control character")
        }
        let headers = try get.children("httpHeaders").map {
            ProbeSpec.Header(name: try $0.required("name"), value: try $0.text("value") ?? "")
        }
        return .httpGet(path: path.begins(with: "/") ? path : "/" + path, port: port, headers: headers)
    }

    private func refuseHost(_ action: FieldReader) throws {
        if let host = try action.text("host"), !host.isEmpty {
            throw action.refused("host", "would let Fairlead call another machine")
        }
    }

    private func readPort(_ action: FieldReader) throws -> Int {
        switch try action.portName("port") {
        case nil: throw action.invalid("port", "is missing")
        case .number(let number): return number
        case .name(let name):
            guard let port = ports.first(where: { $0.name == name }) else {
                throw action.invalid("port", "names \(quoted(name)), and no port of the container has that name")
            }
            return port.number
        }
    }
}

extension FieldReader {
    /// A port by number or name.
    func portName(_ key: String) throws -> PortName? {
        guard has(key), let found = value[key] else { return nil }
        if found.integer != nil { return try integer(key, 1...65_535).map(PortName.number) }
        return try text(key).map(PortName.name)
    }
}
