import Glibc
import Testing

@testable import Pipelines

@Suite("Build isolation", .serialized)
struct BuildIsolationTests {
    /// Asks an address from inside of a RUN step; the answer is a line `ADDRESS open` or `ADDRESS shut`.
    private static let ask = #"""
        ask() { printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 $1 $2 2>/dev/null | grep -q HTTP/1 && echo "$1 open" || echo "$1 shut"; };
        """#

    private func dockerfile(_ addresses: [String], port: Int) -> String {
        let asks = addresses.map { "ask \($0) \(port)" }.joined(separator: "; ")
        return "RUN \(Self.ask.trimmingWhitespace) \(asks)\n"
    }

    @Test("a step reaches the internet, and no private or link-local address unless it is allowed")
    func outside() async throws {
        try await Outside.with { outside in
            try await withPodman { podman in
                let repository = try Repository(dockerfile(outside.addresses, port: Outside.port))
                let log = CollectedLog()
                _ = try await ImageBuilder(podman: podman).build(repository, log: log)
                #expect(log.text.contains("\n\(outside.publicAddress) open\n"))
                #expect(log.text.contains("\n\(outside.privateAddress) shut\n"))
                #expect(log.text.contains("\n\(outside.linkLocalAddress) shut\n"))

                let allowed = CollectedLog()
                let builder = ImageBuilder(podman: podman, allow: ["\(outside.privateAddress):\(Outside.port)"])
                _ = try await builder.build(repository, log: allowed, fresh: true)
                #expect(allowed.text.contains("\n\(outside.privateAddress) open\n"))
                #expect(allowed.text.contains("\n\(outside.linkLocalAddress) shut\n"))

                // The rules that answer are not the only ones: without them nothing gets through either.
                let children = ChildProcess(ledger: nil, run: nil)
                let (_, saved) = try await children.capture("iptables-save", ["-t", "filter"], deadline: .seconds(60))
                let jumps = String(decoding: saved, as: UTF8.self).split(separator: "\n").filter {
                    $0.contains("-i \(podman.buildNetwork.interface) ") && $0.contains("FAIRLEAD")
                }
                #expect(jumps.count == 2)
                let network = podman.buildNetwork.name
                let id = try await podman.lines(["images", "--quiet", "--no-trunc"]).first ?? ""
                for jump in jumps {
                    let words = jump.split(separator: " ").map(String.init)
                    _ = try await children.capture("iptables", ["-D"] + words.dropFirst(), deadline: .seconds(60))
                }
                let (_, shown) = try await podman.capture(
                    [
                        "run", "--rm", "--network", network, id, "sh", "-c",
                        "\(Self.ask) ask \(outside.linkLocalAddress) \(Outside.port); ask \(outside.publicAddress) \(Outside.port)",
                    ],
                    deadline: .seconds(60)
                )
                #expect(
                    String(decoding: shown, as: UTF8.self)
                        == "\(outside.linkLocalAddress) shut\n\(outside.publicAddress) open\n"
                )
            }
        }
    }

    @Test("a step does not reach the host on any of its addresses, nor see its processes or its environment")
    func host() async throws {
        setenv("FAIRLEAD_TEST_TOKEN", "token-of-the-server", 1)
        defer { unsetenv("FAIRLEAD_TEST_TOKEN") }
        let server = try await HostServer()
        defer { server.end() }
        try await withPodman { podman in
            let pods = try PodmanNetwork.ofPods("todo", in: podman.folder)
            let addresses =
                [podman.buildNetwork.gateway, pods.gateway, "127.0.0.1"] + hostAddresses()
            let log = CollectedLog()
            let mark = uniqueSleep()
            let onlyHere = Task {
                _ = try? await ChildProcess(ledger: nil, run: nil).run("sleep", [mark], deadline: .seconds(120)) { _ in
                }
            }
            defer { onlyHere.cancel() }
            let repository = try Repository(
                dockerfile(addresses, port: server.port) + """
                    RUN echo "first process: $(tr '\\0' ' ' </proc/1/cmdline)"; echo "namespace $(readlink /proc/self/ns/pid)"
                    RUN env; ps | grep -c "sleep \(mark.prefix(4))[\(mark.dropFirst(4).prefix(1))]" | sed 's/^/seen: /'
                    RUN grep CapEff /proc/self/status; ls /proc/1/root/root 2>&1 | head -3

                    """
            )
            _ = try await ImageBuilder(podman: podman).build(repository, log: log)
            for address in addresses { #expect(log.text.contains("\n\(address) shut\n"), "\(address)") }
            #expect(log.text.contains("\nfirst process: /bin/sh -c "))
            var own = [CChar](repeating: 0, count: 64)
            readlink("/proc/self/ns/pid", &own, 63)
            let namespace = String(decoding: own.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            #expect(log.text.contains("\nnamespace pid:["))
            #expect(!log.text.contains(namespace))
            #expect(log.text.contains("\nseen: 0\n"))
            #expect(log.text.contains("\nPATH="))
            #expect(!log.text.contains("token-of-the-server"))
            // CAP_NET_RAW (13) would let one build pose as another's gateway, CAP_SYS_ADMIN (21) as anything.
            let line = log.text.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
            let mask = try #require(line.flatMap { UInt64($0.dropFirst(7).filter { !$0.isWhitespace }, radix: 16) })
            #expect(mask & (1 << 13 | 1 << 21) == 0)
        }
    }
}

@Suite("NetworkFirewall")
struct NetworkFirewallTests {
    private func firewall(_ allow: [String] = []) throws -> NetworkFirewall {
        let folder = try TestFolder()
        try SmallFile.makeFolder("\(folder.path)/networks")
        return try NetworkFirewall(network: try PodmanNetwork.ofBuilds(in: folder.path), allow: allow)
    }

    @Test("name servers pass on port 53 only, before private ranges are refused")
    func nameServers() throws {
        let rules = try firewall().rules(.ipv4, nameServers: ["10.255.255.53"]).text.split(separator: "\n")
        let pass = try #require(rules.firstIndex { $0.contains("-F -d 10.255.255.53/32 -p udp --dport 53 -j RETURN") })
        let refuse = try #require(rules.firstIndex { $0.contains("-F -d 10.0.0.0/8 -j REJECT") })
        #expect(pass < refuse)
        #expect(rules.contains { $0.contains("-p tcp --dport 53") })
    }

    @Test("IPv6 is refused whole, and nothing is excepted")
    func ipv6() throws {
        let rules = try firewall(["10.1.2.3"]).rules(.ipv6, nameServers: ["10.255.255.53"]).text
        #expect(rules.contains("-F -j REJECT") && rules.contains("-I -j REJECT"))
        #expect(rules.contains("-F -j DROP") && rules.contains("-I -j DROP"))
        #expect(!rules.contains("RETURN"))
    }

    @Test(
        "the allow-list takes addresses and ranges, perhaps with a port, and refuses the rest",
        arguments: [
            ("10.1.2.3", true), ("10.1.0.0/16", true), ("10.1.2.3:443", true), ("10.1.0.0/16:443", true),
            ("", false), ("example.org", false), ("10.1.2.3:0", false), ("10.1.2.3:x", false),
            ("10.1.2.3:70000", false),
            ("10.1.2.3 -j ACCEPT", false), ("10.1.2.3\n-A INPUT -j ACCEPT", false), ("fd00::1", false),
        ]
    )
    func allow(entry: String, valid: Bool) throws {
        if valid {
            #expect(try firewall([entry]).rules(.ipv4, nameServers: []).text.contains("-d 10.1."))
        } else {
            let error = #expect(throws: StageError.self) { try firewall([entry]) }
            #expect(error?.reason.code == "network-allow")
        }
    }

    @Test(
        "name servers are those that podman gives to containers",
        arguments: [
            (["nameserver 10.0.0.2\nnameserver 1.1.1.1\n"], ["10.0.0.2", "1.1.1.1"]),
            (["search x\nnameserver 127.0.0.53\n", "nameserver 192.168.1.1\n"], ["192.168.1.1"]),
            (["nameserver fd00::1\n"], ["8.8.8.8", "8.8.4.4"]), ([], ["8.8.8.8", "8.8.4.4"]),
        ]
    )
    func resolvers(files: [String], expected: [String]) throws {
        let folder = try TestFolder()
        let paths = try files.enumerated().map { index, text in
            try folder.write(text, to: "resolv\(index)")
            return "\(folder.path)/resolv\(index)"
        }
        #expect(NetworkFirewall.nameServers(files: paths) == expected)
    }

    @Test("rules are put in place once, mended when somebody flushes them, and taken away whole")
    func ensure() async throws {
        let children = ChildProcess(ledger: nil, run: nil)
        let folder = try TestFolder()
        try SmallFile.makeFolder("\(folder.path)/networks")
        let network = try PodmanNetwork.ofBuilds(in: folder.path)
        func own() async throws -> [String] {
            var lines: [String] = []
            for program in ["iptables-save", "ip6tables-save"] {
                let (_, output) = try await children.capture(program, [], deadline: .seconds(60))
                lines += String(decoding: output, as: UTF8.self).split(separator: "\n").map(String.init).filter {
                    $0.contains("FAIRLEAD-\(network.interface.suffix(6))")
                }
            }
            // Without counters, which packets change.
            return lines.map { $0.replacing(/\[\d+:\d+\]/, with: "") }
        }
        let firewall = try NetworkFirewall(network: network, allow: [])
        do {
            // The first builds of a server come at once.
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 { group.addTask { try await firewall.ensure(children) } }
                try await group.waitForAll()
            }
            let first = try await own()
            #expect(first.filter { $0.contains(" -j FAIRLEAD") }.count == 12)
            try await firewall.ensure(children)
            #expect(try await own() == first)
            let jump = try #require(first.first { $0.hasPrefix("-A FORWARD -i") })
            _ = try await children.capture(
                "iptables",
                ["-D"] + jump.split(separator: " ").dropFirst().map(String.init),
                deadline: .seconds(60)
            )
            #expect(try await own().count == first.count - 1)
            try await firewall.ensure(children)
            #expect(try await Set(own()) == Set(first))
            // Another list replaces the rules, and leaves none of the old.
            try await NetworkFirewall(network: network, allow: ["10.9.9.9"]).ensure(children)
            let second = try await own()
            #expect(second.contains { $0.contains("10.9.9.9") })
            let old = try #require(first.first { $0.contains("-d 10.0.0.0/8") }).split(separator: " ")[1].dropLast(2)
            #expect(!second.contains { $0.contains(old) })
            try await firewall.remove(children)
            #expect(try await own().isEmpty)
        } catch {
            try? await firewall.remove(children)
            throw error
        }
    }
}
