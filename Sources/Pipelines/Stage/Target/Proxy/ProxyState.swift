#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// One port of one Service, as the proxy serves it.
struct ProxyRoute: Codable, Sendable, Equatable {
    var environment: String
    /// Whose pods answer.
    var release: Int64
    var service: String
    /// The Service's own port.
    var port: Int
    /// On 127.0.0.1, and on `gateway`.
    var loopback: Int
    /// The address of this machine on the network of the environment's pods, at which they reach the Service; nil in
    /// files of versions that served nobody but this machine.
    var gateway: String?
    var mode: ProxyMode
    /// `ip:port` of each pod, in order.
    var servers: [String]

    /// The name of its section in HAProxy's configuration. It says everything that HAProxy cannot change while it runs:
    /// another name means a reload.
    var section: String {
        let clean = String(
            decoding: environment.utf8.map { $0.isLetterOrDigit || $0 == 0x2D ? $0 : 0x5F },
            as: UTF8.self
        )
        return "\(clean).\(service).\(port).\(mode.rawValue).\(loopback)" + (gateway.map { ".\($0)" } ?? "")
    }

    var endpoint: ServiceEndpoint { ServiceEndpoint(name: service, port: port, address: "127.0.0.1:\(loopback)") }
}

/// What the proxy serves, and which port belongs to which Service even when it is not served.
struct ProxyState: Codable, Sendable, Equatable {
    var routes: [ProxyRoute] = []
    /// `environment/service/port` → port on 127.0.0.1, kept for as long as the folder.
    var ports: [String: Int] = [:]

    static func key(_ environment: String, _ service: String, _ port: Int) -> String {
        "\(environment)/\(service)/\(port)"
    }

    static func read(_ path: String) -> ProxyState {
        guard let bytes = SmallFile.read(path) else { return ProxyState() }
        return (try? JSONDecoder().decode(ProxyState.self, from: Data(bytes))) ?? ProxyState()
    }

    func write(_ path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
        try SmallFile.write(Array(try encoder.encode(self)), to: path, mode: 0o600)
    }
}
