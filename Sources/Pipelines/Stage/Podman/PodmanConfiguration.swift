import Glibc

/// The files that the client of a podman elsewhere reads. Where images, containers and networks are is the other's
/// affair.
struct RemoteClient {
    let folder: String

    /// XDG_RUNTIME_DIR and TMPDIR: a client that is not root wants to write there, though it keeps nothing.
    var environment: [String: String] {
        [
            "HOME": folder,
            "TMPDIR": "\(folder)/tmp",
            "XDG_RUNTIME_DIR": "\(folder)/tmp",
            "CONTAINERS_CONF": "\(folder)/containers.conf",
            "REGISTRY_AUTH_FILE": "\(folder)/auth.json",
        ]
    }

    func options(_ remote: ServerSettings.RemoteBuilder) -> [String] {
        ["--url", remote.podman] + (remote.identity.map { ["--identity", $0] } ?? [])
    }

    var knownHosts: String { "\(folder)/.ssh/known_hosts" }

    /// - Returns: 8 hexadecimal digits by which servers that share a builder are told apart there.
    func write() throws -> String {
        for name in ["tmp", ".ssh"] { try SmallFile.makeFolder("\(folder)/\(name)", mode: 0o700) }
        // With this file, podman remembers the other's ssh key at first sight and takes no other from then on.
        if !SmallFile.exists(knownHosts) { try SmallFile.write("", to: knownHosts, mode: 0o600) }
        try SmallFile.write("[containers]\nhttp_proxy = false\n", to: "\(folder)/containers.conf")
        try SmallFile.write("{}\n", to: "\(folder)/auth.json", mode: 0o600)
        let path = "\(folder)/name"
        if let name = SmallFile.text(path)?.trimmingWhitespace, name.utf8.count == 8 { return name }
        let name = String(Fingerprint.text(UInt64.random(in: 0...UInt64.max)).prefix(8))
        try SmallFile.write(name, to: path)
        return name
    }
}

/// The files that podman reads instead of those in /etc/containers.
/// Sources: containers.conf(5), containers-storage.conf(5), containers-registries.conf(5), containers-policy.json(5).
struct PodmanConfiguration {
    let folder: String
    /// Nil: as they were written before.
    let insecureRegistries: [String]?

    /// HOME is ours too: podman looks there for a signature policy first, and for other people's registry credentials.
    var environment: [String: String] {
        [
            "HOME": folder,
            "TMPDIR": "\(folder)/tmp",
            "CONTAINERS_CONF": "\(folder)/containers.conf",
            "CONTAINERS_STORAGE_CONF": "\(folder)/storage.conf",
            "CONTAINERS_REGISTRIES_CONF": "\(folder)/registries.conf",
            "REGISTRY_AUTH_FILE": "\(folder)/auth.json",
        ]
    }

    func write() throws {
        try shareNetworkLock()
        for name in ["tmp", "storage", ".config/containers"] {
            try SmallFile.makeFolder("\(folder)/\(name)", mode: 0o700)
        }
        try SmallFile.write(containers, to: "\(folder)/containers.conf")
        try SmallFile.write(storage, to: "\(folder)/storage.conf")
        if insecureRegistries != nil || !SmallFile.exists("\(folder)/registries.conf") {
            try SmallFile.write(registries, to: "\(folder)/registries.conf")
        }
        try SmallFile.write(Self.policy, to: "\(folder)/.config/containers/policy.json")
        try SmallFile.write("{}\n", to: "\(folder)/auth.json", mode: 0o600)
    }

    /// What describes running containers, and must not outlive them. Not in the data folder, because conmon puts
    /// sockets there whose paths have 108 characters at most: with a longer one, every attached container waits for 20
    /// s.
    var runFolder: String { "/run/fairlead/\(Fingerprint.text(Fingerprint.of(folder)))" }

    /// podman takes a fresh run folder as the sign of a reboot. /run is usually empty then, but not everywhere.
    func forgetEarlierBoot() throws {
        let path = "\(runFolder)/boot"
        guard SmallFile.text(path) != ProcessFolder.bootID else { return }
        SmallFile.remove(runFolder)
        try SmallFile.makeFolder(runFolder, mode: 0o700)
        try SmallFile.write(ProcessFolder.bootID, to: path)
    }

    /// podman changes the machine's firewall under a lock that lies beside its networks. Chains of netavark's are
    /// shared by all networks: every folder takes one lock, or they trip over each other.
    private func shareNetworkLock() throws {
        try SmallFile.makeFolder("\(folder)/networks", mode: 0o700)
        let link = "\(folder)/networks/netavark.lock"
        guard symlink("/run/fairlead/netavark.lock", link) == 0 || errno == EEXIST else {
            let cause = String(cString: strerror(errno))
            throw StageError(.errored, "file-create-failed", "Cannot create \(link): \(cause)")
        }
    }

    // MARK: - Files

    /// runc, because crun 1.8 (Debian 12) fails on hosts with a hybrid cgroup layout. Locks in files, because the
    /// default is shared memory that every podman of the machine shares. Capabilities: podman's own list of later
    /// versions; Debian's still has NET_RAW, with which one build could pose as another's gateway.
    private var containers: String {
        """
        [containers]
        \(ulimits)default_capabilities = [
          "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE",
          "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
        ]
        http_proxy = false
        log_driver = "k8s-file"
        log_size_max = 10485760

        [engine]
        runtime = "runc"
        cgroup_manager = "cgroupfs"
        events_logger = "file"
        lock_type = "file"
        image_copy_tmp_dir = "\(folder)/tmp"
        static_dir = "\(folder)/storage/libpod"
        tmp_dir = "\(runFolder)/libpod"
        volume_path = "\(folder)/storage/volumes"

        [network]
        network_backend = "netavark"
        network_config_dir = "\(folder)/networks"

        """
    }

    /// Without CAP_SYS_RESOURCE podman's defaults cannot be set, being above our own hard limits, and no container
    /// starts. These can: podman lowers its own limits before it starts one, so that ours themselves are too high.
    private var ulimits: String {
        guard !Capability.sysResource.isEffective else { return "" }
        let files = min(20000, Self.hardLimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue)))
        let processes = min(4096, Self.hardLimit(__rlimit_resource_t(__RLIMIT_NPROC.rawValue)))
        return "default_ulimits = [\"nofile=\(files):\(files)\", \"nproc=\(processes):\(processes)\"]\n"
    }

    private static func hardLimit(_ resource: __rlimit_resource_t) -> UInt64 {
        var limit = rlimit()
        return getrlimit(resource, &limit) == 0 ? UInt64(limit.rlim_max) : 1024
    }

    private var storage: String {
        """
        [storage]
        driver = "overlay"
        graphroot = "\(folder)/storage"
        runroot = "\(runFolder)"

        """
    }

    /// Short names mean Docker Hub, as the authors of Dockerfiles expect.
    private var registries: String {
        let insecure = (insecureRegistries ?? []).map { "\n[[registry]]\nlocation = \"\($0)\"\ninsecure = true\n" }
        return "unqualified-search-registries = [\"docker.io\"]\n" + insecure.joined()
    }

    private static let policy = #"{"default": [{"type": "insecureAcceptAnything"}]}"# + "\n"
}
