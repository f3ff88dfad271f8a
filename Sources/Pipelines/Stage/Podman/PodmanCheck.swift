import Glibc

/// One thing that podman needs on this machine, for `fairlead doctor`.
public struct PodmanCheck: Sendable, Equatable {
    public var ok: Bool
    /// What was looked at and what was found.
    public var what: String
    /// What to do about it; empty when it is fine.
    public var fix: String
}

extension Podman {
    /// Looks at everything that running a container needs, and then runs one, without a network and without pulling
    /// anything. Never throws: what goes wrong is an answer.
    public func check() async -> [PodmanCheck] {
        guard remote == nil else { return await checkElsewhere() }
        var checks = [rootCheck]
        for (program, package) in [("podman", "podman"), ("runc", "runc"), ("iptables", "iptables")] {
            checks.append(present(program, package, in: Launch.base["PATH"] ?? ""))
        }
        // podman looks for these in its own folders first.
        let helpers = "/usr/local/libexec/podman:/usr/local/lib/podman:/usr/libexec/podman:/usr/lib/podman:"
        for (program, package) in [("conmon", "conmon"), ("netavark", "netavark"), ("catatonit", "catatonit")] {
            checks.append(present(program, package, in: helpers + (Launch.base["PATH"] ?? "")))
        }
        guard checks.allSatisfy(\.ok) else { return checks }
        checks.append(await versionCheck())
        checks.append(await firewallCheck())
        checks.append(await containerCheck())
        return checks
    }

    /// The client, the service, and what it lets us run there.
    private func checkElsewhere() async -> [PodmanCheck] {
        let client = present("podman", "podman", in: Launch.base["PATH"] ?? "")
        guard client.ok, let remote else { return [client] }
        do {
            let builder = try await builder()
            let service = versionCheck(builder.version, at: remote.podman)
            guard service.ok else { return [client, service] }
            _ = try await store()
            try await NetworkFirewall(network: buildNetwork, allow: []).probe(RemoteHost(self))
            return [client, service, PodmanCheck(ok: true, what: "containers and iptables work there", fix: "")]
        } catch {
            let fix = "Look at the log of that podman system service; it needs podman 4 as root, runc and iptables."
            return [client, PodmanCheck(ok: false, what: Self.words(error), fix: fix)]
        }
    }

    private var rootCheck: PodmanCheck {
        geteuid() == 0
            ? PodmanCheck(ok: true, what: "running as root", fix: "")
            : PodmanCheck(
                ok: false,
                what: "not running as root",
                fix: "Start it as root: networks and images of containers on this machine need it."
            )
    }

    private func present(_ program: String, _ package: String, in path: String) -> PodmanCheck {
        do {
            return PodmanCheck(ok: true, what: "\(program) is at \(try Launch.find(program, in: path))", fix: "")
        } catch {
            return PodmanCheck(
                ok: false,
                what: "\(program) is not installed",
                fix: "apt-get install --no-install-recommends \(package)"
            )
        }
    }

    private func versionCheck() async -> PodmanCheck { versionCheck((try? await version()) ?? "unknown") }

    private func versionCheck(_ version: String, at place: String? = nil) -> PodmanCheck {
        let major = Int(version.prefix { $0.isNumber }) ?? 0
        return PodmanCheck(
            ok: major >= 4,
            what: "podman \(version)" + (place.map { " at \($0)" } ?? ""),
            fix: major >= 4 ? "" : "Install podman 4 or later (Debian 12 has 4.3)."
        )
    }

    /// podman's version, `4.3.1`. Asked once for a program file: it takes as long as a cached build step.
    func version() async throws -> String {
        let program = try Launch.find("podman", in: Launch.base["PATH"] ?? "")
        var status = stat()
        guard stat(program, &status) == 0 else { return "" }
        let file = "\(program) \(status.st_ino) \(status.st_mtim.tv_sec) \(status.st_size)"
        if let known = Self.versions.withLock({ $0[file] }) { return known }
        // "podman version 4.3.1"
        let line = try await lines(["--version"], deadline: .seconds(20)).first ?? ""
        let version = line.split(separator: " ").last.map(String.init) ?? ""
        Self.versions.withLock { $0[file] = version }
        return version
    }

    private static let versions = Locked<[String: String]>([:])

    private func firewallCheck() async -> PodmanCheck {
        do {
            try await NetworkFirewall(network: buildNetwork, allow: []).probe(children)
            return PodmanCheck(ok: true, what: "iptables works", fix: "")
        } catch {
            return PodmanCheck(
                ok: false,
                what: "iptables does not work: \(Self.words(error))",
                fix: "The kernel needs netfilter (nf_tables), and the server CAP_NET_ADMIN."
            )
        }
    }

    /// catatonit is one static file: a root file system of one file that needs no image.
    private func containerCheck() async -> PodmanCheck {
        let root = "\(temporaryFolder)/check-\(getpid())"
        defer { SmallFile.remove(root) }
        do {
            let helpers = "/usr/libexec/podman:/usr/lib/podman:" + (Launch.base["PATH"] ?? "")
            guard let program = SmallFile.read(try Launch.find("catatonit", in: helpers)) else {
                return PodmanCheck(ok: false, what: "catatonit cannot be read", fix: "Reinstall the package catatonit.")
            }
            for folder in ["", "/proc", "/dev", "/sys", "/etc", "/run"] { try SmallFile.makeFolder(root + folder) }
            try SmallFile.write(program, to: "\(root)/catatonit", mode: 0o755)
            let (result, _) = try await capture(
                ["run", "--rm", "--network", "none", "--rootfs", root, "/catatonit", "-V"],
                deadline: .seconds(30)
            )
            if result.succeeded { return PodmanCheck(ok: true, what: "a container runs", fix: "") }
            return PodmanCheck(
                ok: false,
                what: "a container does not run: \(result.ending). \(result.lastLines(2))",
                fix:
                    "Containers need a kernel with namespaces, cgroups and overlayfs; inside another container, one that is privileged."
            )
        } catch {
            return PodmanCheck(
                ok: false,
                what: "a container does not run: \(Self.words(error))",
                fix: "See the line above."
            )
        }
    }

    private static func words(_ error: any Error) -> String {
        (error as? StageError)?.reason.message ?? "\(error)"
    }
}
