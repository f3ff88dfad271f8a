import Glibc

/// What builds leave behind when they do not end by themselves: processes of a RUN step, working containers, state of
/// the container runtime, temporary files.
///
/// Every build has a temporary folder of its own, and that is how what belongs to it is told from what belongs to
/// another: buildah's runtime names its container after a folder in it, and writes the (empty) hooks folder that it was
/// given into the working container's record. A podman elsewhere takes neither from us; there it is the cgroup that the
/// build's steps are put in, which has the folder's name.
struct BuildScratch: Sendable {
    /// `DATA/podman/tmp/build-…`
    let folder: String

    static func make(in podman: Podman) throws -> BuildScratch {
        let scratch = BuildScratch(
            folder: "\(podman.temporaryFolder)/build-\(Fingerprint.text(UInt64.random(in: 0...UInt64.max)))"
        )
        try SmallFile.makeFolder(scratch.hooks, mode: 0o700)
        return scratch
    }

    /// All that an earlier server left.
    static func left(in podman: Podman) -> [BuildScratch] {
        SmallFile.names(in: podman.temporaryFolder).filter { $0.hasPrefix("build-") }
            .map { BuildScratch(folder: "\(podman.temporaryFolder)/\($0)") }
    }

    var hooks: String { "\(folder)/hooks" }
    /// `fairlead-build-…`: of a podman elsewhere, the cgroup of the steps.
    var mark: String { "fairlead-\(folder.split(separator: "/").last ?? "")" }
    var imageIDFile: String { "\(folder)/image-id" }

    /// The runtime's containers of this build: `buildah-buildah123` for the folder `buildah123`.
    private var runtimeContainers: [String] {
        SmallFile.names(in: folder).filter { $0.hasPrefix("buildah") }.map { "buildah-\($0)" }
    }

    /// Removes what is left, after podman itself has ended. Does not touch other builds.
    func sweep(_ podman: Podman) async throws {
        guard podman.remote == nil else { return try await sweepElsewhere(podman) }
        let containers = runtimeContainers
        await Self.endProcesses(inCgroupsNamed: containers)
        for container in containers {
            _ = try? await podman.children.capture("runc", ["delete", "--force", container], deadline: .seconds(20))
        }
        try await removeWorkingContainers(podman)
        // podman removes its own files; the mounts of a step that was killed go with its namespace.
        SmallFile.remove(folder)
    }

    private func sweepElsewhere(_ podman: Podman) async throws {
        let left = try await RemoteHost(podman).end(mark, in: try await podman.store())
        if !left.isEmpty { _ = try await podman.lines(["rm", "--force", "--time", "0"] + left) }
        SmallFile.remove(folder)
    }

    /// Ends processes whose cgroup carries one of the names. The init process of a step is in no group of ours: it has
    /// a session of its own, and outlives a podman that was killed.
    private static func endProcesses(inCgroupsNamed names: [String]) async {
        guard !names.isEmpty else { return }
        let end = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < end {
            let left = ProcessFolder.all().filter { pid in
                guard let stat = ProcessFolder.stat(of: pid), stat.state != "Z", stat.state != "X" else { return false }
                let cgroups = SmallFile.text("/proc/\(pid)/cgroup") ?? ""
                return cgroups.split(whereSeparator: { $0 == "/" || $0 == "\n" }).contains {
                    names.contains(String($0))
                }
            }
            if left.isEmpty { return }
            for pid in left { kill(pid, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(10))
        }
    }

    /// Working containers are in podman's storage; their records say by the hooks folder which build they are of.
    private func removeWorkingContainers(_ podman: Podman) async throws {
        let storage = "\(podman.folder)/storage/overlay-containers"
        let own = SmallFile.names(in: storage).filter { id in
            (SmallFile.text("\(storage)/\(id)/userdata/buildah.json") ?? "").contains("\"\(hooks)\"")
        }
        guard !own.isEmpty else { return }
        _ = try await podman.lines(["rm", "--force", "--time", "0"] + own)
    }
}

extension Podman {
    /// Removes what builds of an earlier server left. Call it at start, before the first build and after `endStale`.
    ///
    /// A podman elsewhere that does not answer now is no reason not to start: its turn comes at the next start.
    public func sweepBuilds() async throws {
        let left = BuildScratch.left(in: self)
        guard !left.isEmpty else { return }
        guard remote == nil else {
            for scratch in left { try? await scratch.sweep(self) }
            return
        }
        for scratch in left { try await scratch.sweep(self) }
        // A step that was killed gives no address back: the network is made anew, with all of them.
        let path = "\(folder)/networks/\(buildNetwork.name).json"
        guard let network = SmallFile.read(path) else { return }
        _ = try? await capture(["network", "rm", "--force", buildNetwork.name], deadline: .seconds(30))
        try SmallFile.write(network, to: path)
    }
}
