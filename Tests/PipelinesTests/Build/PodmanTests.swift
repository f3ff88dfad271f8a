import Glibc
import Testing

@testable import Pipelines

/// Runs the body with a podman in a folder of its own, and takes all of it away, also when the body throws.
func withPodman<Result>(
    insecureRegistries: [String] = [],
    named name: String = "podman",
    ledger: (any ChildLedger)? = nil,
    _ body: (Podman) async throws -> Result
) async throws -> Result {
    let folder = try TestFolder()
    let podman = try Podman(
        folder: "\(folder.path)/\(name)",
        insecureRegistries: insecureRegistries,
        ledger: ledger
    )
    do {
        let result = try await body(podman)
        try await podman.removeAll()
        return result
    } catch {
        try? await podman.removeAll()
        throw error
    }
}

@Suite("Podman")
struct PodmanTests {
    @Test(
        "what a container needs is looked at, and one is run",
        arguments: ["podman", String(repeating: "long-name-", count: 12)]
    )
    func check(name: String) async throws {
        try await withPodman(named: name) { podman in
            let checks = await podman.check()
            for check in checks { #expect(check.ok, "\(check.what) \(check.fix)") }
            #expect(checks.last?.what == "a container runs")
        }
    }

    @Test("a program that lacks is named with its package")
    func lacking() async throws {
        let found = try Launch.find("sh", in: "/bin")
        #expect(found == "/bin/sh")
        #expect(throws: ChildError.self) { try Launch.find("netavark", in: "/nowhere") }
    }

    @Test("networks stay the same for a folder and differ between folders")
    func networks() async throws {
        try await withPodman { one in
            try await withPodman { two in
                let again = try Podman(folder: one.folder, insecureRegistries: [])
                #expect(one.buildNetwork == again.buildNetwork)
                #expect(try PodmanNetwork.ofPods("a", in: one.folder) == PodmanNetwork.ofPods("a", in: again.folder))
                let pods = try [one, two].flatMap { podman in
                    try ["a", "b"].map { try PodmanNetwork.ofPods($0, in: podman.folder) }
                }
                let all = [one.buildNetwork, two.buildNetwork] + pods
                #expect(Set(all.map(\.interface)).count == 6)
                #expect(Set(all.map(\.name)).count == 6)
                #expect(Set(all.map(\.subnet)).count == 6)
                for network in all {
                    #expect(network.interface.utf8.count <= 15)
                    let range = try #require(IPv4Range(network.subnet))
                    #expect(try #require(IPv4Range("10.64.0.0/11")).overlaps(range))
                    #expect(!IPv4Range.routes(except: network.interface).contains(where: range.overlaps))
                }
            }
        }
    }

    @Test("a subnet that another network took is given up")
    func subnetTaken() async throws {
        let folder = try TestFolder()
        try SmallFile.makeFolder("\(folder.path)/networks")
        let first = try PodmanNetwork.ofBuilds(in: folder.path)
        let file = "\(folder.path)/networks/\(first.name).json"
        let text = try #require(SmallFile.text(file))
        try SmallFile.write(text.replacing(first.name, with: "other"), to: "\(folder.path)/networks/other.json")
        unlink(file)
        let second = try PodmanNetwork.ofBuilds(in: folder.path)
        #expect(second.subnet != first.subnet)
    }

    @Test("a subnet that another data folder has chosen is not chosen again, though no bridge is there yet")
    func subnetClaimed() async throws {
        let folders = [try TestFolder(), try TestFolder()]
        for folder in folders { try SmallFile.makeFolder("\(folder.path)/networks") }
        let first = try PodmanNetwork.ofBuilds(in: folders[0].path)
        // The other folder remembers the same subnet, as after a restart of the machine.
        let file = "\(folders[1].path)/networks/\(try PodmanNetwork.ofBuilds(in: folders[1].path).name).json"
        let own = try #require(SmallFile.text(file))
        let range = try #require(PodmanNetwork.all(in: folders[1].path).first).subnet
        let gateway = first.gateway
        try SmallFile.write(
            own.replacing(range, with: first.subnet).replacing(
                /"gateway" : "[^"]+"/,
                with: "\"gateway\" : \"\(gateway)\""
            ),
            to: file
        )
        #expect(PodmanNetwork.all(in: folders[1].path).map(\.subnet) == [first.subnet])
        #expect(try PodmanNetwork.ofBuilds(in: folders[1].path).subnet != first.subnet)
        #expect(try PodmanNetwork.ofBuilds(in: folders[0].path) == first)
    }

    @Test("podman takes the configuration, and everything is in the folder")
    func configuration() async throws {
        try await withPodman(insecureRegistries: ["127.0.0.1:5999"]) { podman in
            let format = "{{.Store.GraphRoot}} {{.Store.RunRoot}} {{.Host.OCIRuntime.Name}} {{.Host.NetworkBackend}}"
            let info = try await podman.lines(["info", "--format", format])
            #expect(info == ["\(podman.folder)/storage \(podman.runFolder) runc netavark"])
            let pods = try PodmanNetwork.ofPods("todo", in: podman.folder)
            let networks = try await podman.lines(["network", "ls", "--format", "{{.Name}}"])
            let ours = [podman.buildNetwork.name, pods.name]
            #expect(Set(networks).isSuperset(of: ours))
            for name in ours {
                let shown = try await podman.lines([
                    "network", "inspect", name, "--format", "{{.Name}} {{.Options.isolate}}",
                ])
                #expect(shown == ["\(name) true"])
            }
            // Also after somebody has looked who knows of no registries, such as `fairlead doctor` beside a server.
            _ = try Podman(folder: podman.folder, insecureRegistries: nil)
            #expect(SmallFile.text("\(podman.folder)/registries.conf")?.contains("127.0.0.1:5999") == true)
        }
    }

    @Test("what an earlier boot left of running containers is forgotten")
    func reboot() async throws {
        try await withPodman { podman in
            _ = try await podman.lines(["info"])
            #expect(SmallFile.exists("\(podman.runFolder)/libpod/alive"))
            try SmallFile.write("another boot", to: "\(podman.runFolder)/boot")
            _ = try Podman(folder: podman.folder, insecureRegistries: [])
            #expect(!SmallFile.exists("\(podman.runFolder)/libpod/alive"))
            #expect(try await podman.lines(["ps", "-aq"]).isEmpty)
        }
    }

    @Test("removeAll leaves no process, mount, bridge, rule or file")
    func removeAll() async throws {
        try await withPodman { podman in
            try await NetworkFirewall(network: podman.buildNetwork, allow: []).ensure(podman.children)
            let root = "\(podman.folder)/root"
            for name in ["bin", "proc", "dev", "sys", "etc", "run", "tmp"] {
                try SmallFile.makeFolder("\(root)/\(name)")
            }
            let busybox = try #require(SmallFile.read("/bin/busybox"))
            try SmallFile.write(busybox, to: "\(root)/bin/busybox", mode: 0o755)
            let network = try PodmanNetwork.ofPods("todo", in: podman.folder)
            try await NetworkFirewall(network: network, for: .pods, allow: []).ensure(podman.children)
            let started = try await podman.lines(
                ["run", "-d", "--network", network.name, "--rootfs", root, "/bin/busybox", "sleep", "1000"])
            let shown = try await podman.lines(["inspect", "--format", "{{.State.Pid}}"] + started)
            let pid = try #require(Int32(shown.first ?? ""))
            #expect(SmallFile.exists("/sys/class/net/\(network.interface)"))

            try await podman.removeAll()
            #expect(kill(pid, 0) != 0)
            #expect(!SmallFile.exists(podman.folder))
            #expect(!SmallFile.exists(podman.runFolder))
            #expect(!SmallFile.exists("/sys/class/net/\(network.interface)"))
            #expect(SmallFile.text("/proc/self/mountinfo")?.contains(podman.folder) == false)
            for program in ["iptables-save", "ip6tables-save"] {
                let (_, rules) = try await ChildProcess(ledger: nil, run: nil).capture(
                    program,
                    [],
                    deadline: .seconds(60)
                )
                let left = String(decoding: rules, as: UTF8.self)
                #expect(!left.contains(podman.buildNetwork.interface) && !left.contains(network.interface))
            }
        }
    }
}

@Suite("IPv4Range")
struct IPv4RangeTests {
    @Test(
        "overlap",
        arguments: [
            ("10.0.0.0/8", "10.64.0.0/22", true), ("10.64.0.0/22", "10.0.0.0/8", true),
            ("10.64.0.0/22", "10.64.3.255", true), ("10.64.0.0/22", "10.64.4.0", false),
            ("0.0.0.0/0", "192.0.2.1", true), ("192.168.0.0/16", "192.169.0.0/16", false),
        ]
    )
    func overlap(one: String, two: String, expected: Bool) throws {
        let (first, second) = (try #require(IPv4Range(one)), try #require(IPv4Range(two)))
        #expect(first.overlaps(second) == expected)
        #expect(second.overlaps(first) == expected)
    }

    @Test(
        "what is no address is none",
        arguments: [
            "", "10", "10.0.0", "10.0.0.256", "10.0.0.01", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "a.b.c.d", "::1",
        ]
    )
    func invalid(text: String) { #expect(IPv4Range(text) == nil) }

    @Test("a range is written from its first address")
    func base() { #expect(IPv4Range("10.64.7.9/22")?.description == "10.64.4.0/22") }
}
