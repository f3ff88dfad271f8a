import Glibc

/// What containers may reach from their network: the internet and the machine's name servers. Not the host itself on any
/// of its addresses, not a cloud's metadata service, no other container network, and nothing by IPv6. RUN steps of builds
/// reach no private or shared range either (cluster control planes live there); pods do, for a database is often there.
/// And nobody but the host reaches them.
///
/// Rules sit in chains of our own, twice. In the table `filter` they refuse, so that a step fails at once and not after
/// a time-out; but others (podman's own firewall driver is one) put rules before ours there. In the table `security`,
/// whose chains see each packet after those of `filter`, they drop: an ACCEPT elsewhere cannot get past that.
struct NetworkFirewall: Sendable {
    /// Whose containers are on the network.
    enum Use: Sendable { case builds, pods }

    /// RFC 6890 (private, shared, link-local, protocol, benchmarking), multicast and reserved.
    static let blocked = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
    ]

    let network: PodmanNetwork
    private let use: Use
    private let allow: [Allowed]

    /// - Parameter allow: what may be reached all the same, on the operator's word: `10.1.2.3`, `10.1.0.0/16`, each
    ///   perhaps with a TCP port: `10.1.2.3:443`.
    /// - Throws: `StageError` (errored, `network-allow`) if one of them is none of these.
    init(network: PodmanNetwork, for use: Use = .builds, allow: [String]) throws {
        self.network = network
        self.use = use
        self.allow = try allow.map { text in
            guard let allowed = Allowed(text) else {
                let key = use == .builds ? "buildNetwork.allow" : "podNetwork.allow"
                throw StageError(
                    .errored,
                    "network-allow",
                    "\(key): \"\(text)\" is not an IPv4 address or range, with or without :port"
                )
            }
            return allowed
        }
    }

    struct Allowed: Sendable, Equatable {
        let range: IPv4Range
        let port: UInt16?

        init?(_ text: String) {
            let parts = text.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let range = IPv4Range(String(parts[0])) else { return nil }
            self.range = range
            self.port = parts.count == 2 ? UInt16(parts[1]) : nil
            if parts.count == 2 && (port ?? 0) == 0 { return nil }
        }

        var match: String { "-d \(range)" + (port.map { " -p tcp --dport \($0)" } ?? "") }
    }

    // MARK: - Putting it in place

    /// Rules are read and then set: of several builds that begin at once, each would set what the first has set.
    private static let turn = Slots(1)

    /// Makes the rules what they should be; does nothing if they are. Called before each build and deploy, because
    /// others may flush tables.
    func ensure(_ host: some ContainerHost) async throws {
        try await Self.turn.with { try await ensureInTurn(host) }
    }

    private func ensureInTurn(_ host: some ContainerHost) async throws {
        // At once: elsewhere, each takes half a second.
        async let nameServers = host.nameServers()
        async let ipv4 = Self.saved(.ipv4, host)
        async let ipv6 = Self.saved(.ipv6, host)
        for (family, present) in [(Family.ipv4, try await ipv4), (.ipv6, try await ipv6)] {
            let wanted = rules(family, nameServers: try await nameServers)
            if wanted.jumps.allSatisfy({ present.contains($0) }) { continue }
            try await Self.restore(family, removal(from: present) + wanted.text, host)
        }
    }

    /// Takes the rules away, whatever they were.
    func remove(_ host: some ContainerHost) async throws {
        try await Self.turn.with {
            for family in Family.allCases {
                let removal = removal(from: try await Self.saved(family, host))
                if !removal.isEmpty { try await Self.restore(family, removal, host) }
            }
        }
    }

    /// Whether rules can be read at all.
    func probe(_ host: some ContainerHost) async throws {
        for family in Family.allCases { _ = try await Self.saved(family, host) }
    }

    // MARK: - Rules

    enum Family: String, CaseIterable {
        case ipv4 = "iptables"
        case ipv6 = "ip6tables"
    }

    private enum Table: String, CaseIterable { case filter, security }

    struct Rules: Equatable {
        /// For `iptables-restore --noflush`.
        var text: String
        /// The lines by which `iptables-save` shows that they are in place. A chain's name has a fingerprint of its
        /// rules: another list is another chain.
        var jumps: [String]
    }

    func rules(_ family: Family, nameServers: [String]) -> Rules {
        let fingerprint = Fingerprint.of(rules(family, nameServers, chain: "").text)
        return rules(family, nameServers, chain: "\(prefix)-\(Fingerprint.text(fingerprint).prefix(8))")
    }

    private func rules(_ family: Family, _ nameServers: [String], chain: String) -> Rules {
        var text = ""
        var jumps: [String] = []
        for table in Table.allCases {
            // REJECT is only valid in `filter`.
            let refuse = table == .filter ? "REJECT" : "DROP"
            text += "*\(table.rawValue)\n:\(chain)-I - [0:0]\n:\(chain)-F - [0:0]\n:\(chain)-O - [0:0]\n"
            for direction in ["I", "F"] {
                for exception in exceptions(family, nameServers) {
                    text += "-A \(chain)-\(direction) \(exception) -j RETURN\n"
                }
            }
            text += "-A \(chain)-I -j \(refuse)\n"
            if use == .pods {
                // A kernel may show bridged packets to iptables too (bridge-nf-call-iptables).
                text += "-A \(chain)-F -o \(network.interface) -j RETURN\n"
                text += "-A \(chain)-O -i \(network.interface) -j RETURN\n"
            }
            for block in forwardBlocks(family) { text += "-A \(chain)-F\(block) -j \(refuse)\n" }
            text += "-A \(chain)-O -m conntrack --ctstate NEW,INVALID -j \(refuse)\n"
            let own = [
                ("INPUT", "-i \(network.interface) -j \(chain)-I"),
                ("FORWARD", "-i \(network.interface) -j \(chain)-F"),
                ("FORWARD", "-o \(network.interface) -j \(chain)-O"),
            ]
            for (hook, jump) in own {
                text += "-I \(hook) 1 \(jump)\n"
                jumps.append("\(table.rawValue) -A \(hook) \(jump)")
            }
            text += "COMMIT\n"
        }
        return Rules(text: text, jumps: jumps)
    }

    /// What passes before anything is refused: answers, name servers, the operator's list. IPv6: nothing.
    private func exceptions(_ family: Family, _ nameServers: [String]) -> [String] {
        guard family == .ipv4 else { return [] }
        return ["-m conntrack --ctstate ESTABLISHED,RELATED"]
            + nameServers.flatMap { server in ["udp", "tcp"].map { "-d \(server)/32 -p \($0) --dport 53" } }
            + allow.map(\.match)
    }

    private func forwardBlocks(_ family: Family) -> [String] {
        switch (family, use) {
        case (.ipv6, _): [""]
        case (.ipv4, .builds): Self.blocked.map { " -d \($0)" }
        case (.ipv4, .pods): [" -d 169.254.0.0/16"] + PodmanNetwork.bridges.map { " -o \($0)+" }
        }
    }

    /// Chain names have 28 characters at most.
    private var prefix: String { "FAIRLEAD-\(network.interface.suffix(6))" }

    /// The restore text that takes away every chain of this network and every jump to one.
    private func removal(from present: [String]) -> String {
        Table.allCases.map { table in
            let lines = present.filter { $0.hasPrefix("\(table.rawValue) ") }.map {
                $0.dropFirst(table.rawValue.count + 1)
            }
            let chains = lines.compactMap { line in
                line.hasPrefix(":\(prefix)-") ? line.dropFirst().split(separator: " ").first : nil
            }
            guard !chains.isEmpty else { return "" }
            let jumps = lines.filter { $0.hasPrefix("-A ") && $0.contains(" -j \(prefix)-") }
            return "*\(table.rawValue)\n" + jumps.map { "-D \($0.dropFirst(3))\n" }.joined()
                + chains.map { "-F \($0)\n-X \($0)\n" }.joined() + "COMMIT\n"
        }.joined()
    }

    /// The IPv4 name servers that podman gives to containers: those of resolv.conf, of systemd-resolved where that is
    /// only its stub, and otherwise Google's (podman's default).
    static func nameServers(
        files: [String] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"]
    ) -> [String] {
        nameServers(texts: files.map { SmallFile.text($0) ?? "" })
    }

    /// - Parameter texts: what such files say; the first that names a server counts.
    static func nameServers(texts: [String]) -> [String] {
        for text in texts {
            let servers = text.split(separator: "\n").compactMap { line -> String? in
                let words = line.split(whereSeparator: \.isWhitespace)
                guard words.count >= 2, words[0] == "nameserver", let range = IPv4Range(String(words[1])),
                    range.length == 32, !words[1].hasPrefix("127.")
                else { return nil }
                return String(words[1])
            }
            if !servers.isEmpty { return servers }
        }
        return ["8.8.8.8", "8.8.4.4"]
    }

    // MARK: - iptables

    /// The lines of `iptables-save`, each with its table's name before it.
    private static func saved(_ family: Family, _ host: some ContainerHost) async throws -> [String] {
        let (result, output) = try await host.output(of: "\(family.rawValue)-save", [], input: nil)
        guard result.succeeded else { throw failure(family, result) }
        var table = ""
        return String(decoding: output, as: UTF8.self).split(separator: "\n").compactMap { line in
            if line.hasPrefix("*") { table = String(line.dropFirst()) }
            return line.hasPrefix("-") || line.hasPrefix(":") ? "\(table) \(line)" : nil
        }
    }

    private static func restore(_ family: Family, _ text: String, _ host: some ContainerHost) async throws {
        let (result, _) = try await host.output(
            of: "\(family.rawValue)-restore",
            ["--noflush", "--wait", "10"],
            input: Array(text.utf8)
        )
        guard result.succeeded else { throw failure(family, result) }
    }

    private static func failure(_ family: Family, _ result: ChildResult) -> StageError {
        StageError(
            .errored,
            "network-rules-failed",
            "Cannot set the rules of the containers' network with \(family.rawValue): \(result.ending). \(result.lastLines(2))"
        )
    }
}
