#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A Service port of a release and the pods behind it.
struct ServedPort: Codable, Sendable, Equatable {
    struct Pod: Codable, Sendable, Equatable {
        var pod: String
        var port: Int
    }

    var service: String
    var port: Int
    var mode: ProxyMode
    var pods: [Pod]
}

/// What each release that has pods serves, in one small file each, without secrets: enough to point the proxy at them
/// again when nobody has the release's body at hand.
struct ReleaseFiles {
    /// `DATA/target/releases`
    let folder: String

    private struct Content: Codable {
        var services: [ServedPort]
    }

    static func services(of body: ReleaseBody, _ pods: [PlayedPod]) -> [ServedPort] {
        body.services.flatMap { service in
            service.ports.map { port in
                let behind = pods.filter { service.selects($0.workload) }.compactMap { pod in
                    pod.workload.port(port.target).map { ServedPort.Pod(pod: pod.name.description, port: $0) }
                }
                return ServedPort(service: service.name, port: port.number, mode: port.mode, pods: behind)
            }
        }
    }

    func write(_ services: [ServedPort], _ environment: String, _ release: Int64) throws {
        try SmallFile.makeFolder("\(folder)/\(environment)", mode: 0o700)
        let json = try JSONEncoder().encode(Content(services: services))
        try SmallFile.write(Array(json), to: path(environment, release), mode: 0o600)
    }

    func read(_ environment: String, _ release: Int64) -> [ServedPort]? {
        guard let bytes = SmallFile.read(path(environment, release)) else { return nil }
        return try? JSONDecoder().decode(Content.self, from: Data(bytes)).services
    }

    /// Removes the files of all releases of an environment but these.
    func keep(_ releases: Set<Int64>, in environment: String) {
        let names = Set(releases.map { "\($0).json" })
        for name in SmallFile.names(in: "\(folder)/\(environment)") where !names.contains(name) {
            SmallFile.remove("\(folder)/\(environment)/\(name)")
        }
        if releases.isEmpty { SmallFile.remove("\(folder)/\(environment)") }
    }

    var environments: [String] { SmallFile.names(in: folder) }

    private func path(_ environment: String, _ release: Int64) -> String { "\(folder)/\(environment)/\(release).json" }
}
