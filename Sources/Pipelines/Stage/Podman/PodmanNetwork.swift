import Glibc

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// A bridge network of ours. podman reads it from its JSON file, which we write ourselves: `podman network create`
/// cannot name the bridge's interface.
public struct PodmanNetwork: Sendable, Equatable {
    public let name: String
    /// `10.64.8.0/22`
    public let subnet: String
    /// The host's address on the bridge.
    public let gateway: String
    /// The bridge, at most 15 characters, different for each folder.
    public let interface: String

    /// 10.64.0.0 to 10.87.255.255: below podman's own pools (10.88 and up) and Kubernetes' usual service ranges.
    private static let first = IPv4Range("10.64.0.0/22")!
    private static let slots: UInt64 = 24 * 64

    /// What the names of our bridges begin with: of builds' networks, of pods'.
    static let bridges = ["flb", "flp"]

    /// Where pods of an environment live. The host reaches them at their addresses.
    static func ofPods(_ environment: String, in folder: String) throws -> PodmanNetwork {
        try ensure("pods", mark: "-" + Fingerprint.text(Fingerprint.of(environment)).prefix(8), in: folder)
    }

    /// Where RUN steps of builds live.
    static func ofBuilds(in folder: String) throws -> PodmanNetwork { try ensure("build", mark: "", in: folder) }

    /// Every network that the folder remembers.
    static func all(in folder: String) -> [PodmanNetwork] {
        files(in: "\(folder)/networks").compactMap { PodmanNetwork($1) }
    }

    /// The network as the folder remembers it, or a new one on a subnet that is free now.
    ///
    /// It is called by the folder's fingerprint too: netavark names its firewall chains, and counts addresses, by the
    /// network's name alone, for the whole machine.
    private static func ensure(_ role: String, mark: String, in folder: String) throws -> PodmanNetwork {
        let name = "fairlead-\(role)-\(Fingerprint.text(Fingerprint.of(folder)).prefix(8))\(mark)"
        let path = "\(folder)/networks/\(name).json"
        let hash = Fingerprint.of("\(folder)\u{0}\(role)\(mark)")
        // An interface's name has 15 characters at most (IFNAMSIZ, netdevice(7)).
        let interface = "fl\(role.prefix(1))\(Fingerprint.text(hash).prefix(10))"
        let claims = SubnetClaims()
        defer { claims.close() }
        let taken =
            IPv4Range.routes(except: interface)
            + ["\(folder)/networks", "/etc/containers/networks", SubnetClaims.folder].flatMap { folder in
                files(in: folder).filter { $0.name != "\(name).json" }.flatMap(\.file.ranges)
            }
        if let known = read(path).flatMap(PodmanNetwork.init), !taken.contains(where: known.overlaps) {
            claims.add(path)
            return known
        }
        for step in 0..<slots {
            let range = first.following(Int((hash &+ step) % slots))
            guard !taken.contains(where: range.overlaps) else { continue }
            let network = PodmanNetwork(name: name, range: range, interface: interface)
            try network.file.write(to: path)
            claims.add(path)
            return network
        }
        throw StageError(
            .errored,
            "no-free-subnet",
            "Every subnet from 10.64.0.0 to 10.87.255.255 is taken by a route of this machine"
        )
    }

    /// Of a podman elsewhere, which has not been asked yet.
    init(named name: String) {
        self.name = name
        subnet = ""
        gateway = ""
        interface = ""
    }

    /// - Parameter inspected: what `podman network inspect` says of one network.
    init?(inspected: [UInt8]) {
        guard let file = (try? JSONDecoder().decode([File].self, from: Data(inspected)))?.first else { return nil }
        self.init(file)
    }

    private init(name: String, range: IPv4Range, interface: String) {
        self.name = name
        self.subnet = range.description
        self.gateway = range.address(1)
        self.interface = interface
    }

    private init?(_ file: File) {
        guard let range = file.subnets.first.flatMap({ IPv4Range($0.subnet) }) else { return nil }
        self.init(name: file.name, range: range, interface: file.networkInterface)
    }

    private func overlaps(_ other: IPv4Range) -> Bool { IPv4Range(subnet)?.overlaps(other) ?? false }

    /// Networks in a folder of podman's. They may have no route at the moment: podman's bridges exist only while a
    /// container is on them.
    private static func files(in folder: String) -> [(name: String, file: File)] {
        SmallFile.names(in: folder).filter { $0.hasSuffix(".json") }.compactMap { name in
            read("\(folder)/\(name)").map { (name, $0) }
        }
    }

    private static func read(_ path: String) -> File? {
        SmallFile.read(path).flatMap { try? JSONDecoder().decode(File.self, from: Data($0)) }
    }

    // MARK: - podman's file

    /// The shape of netavark's network file, as podman 4 writes it.
    private struct File: Codable {
        struct Subnet: Codable {
            var subnet: String
            var gateway: String?
        }
        var name: String
        var id: String
        var driver: String
        var networkInterface: String
        var created: String
        var subnets: [Subnet]
        var ipv6Enabled: Bool
        var isInternal: Bool
        var dnsEnabled: Bool
        var options: [String: String]?
        var ipamOptions: [String: String]?

        var ranges: [IPv4Range] { subnets.compactMap { IPv4Range($0.subnet) } }

        enum CodingKeys: String, CodingKey {
            case name, id, driver, created, subnets, options
            case networkInterface = "network_interface"
            case ipv6Enabled = "ipv6_enabled"
            case isInternal = "internal"
            case dnsEnabled = "dns_enabled"
            case ipamOptions = "ipam_options"
        }

        func write(to path: String) throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            try SmallFile.write(Array(try encoder.encode(self)), to: path)
        }
    }

    private var file: File {
        // podman wants 64 hexadecimal digits; any will do as long as they stay.
        let id = (0..<4).map { Fingerprint.text(Fingerprint.of("\(interface)\(subnet)\($0)")) }.joined()
        return File(
            name: name,
            id: id,
            driver: "bridge",
            networkInterface: interface,
            created: "2024-01-01T00:00:00Z",
            subnets: [.init(subnet: subnet, gateway: gateway)],
            ipv6Enabled: false,
            isInternal: false,
            dnsEnabled: false,
            options: ["isolate": "true"],
            ipamOptions: ["driver": "host-local"]
        )
    }
}
