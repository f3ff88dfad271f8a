/// Reads a pod template: every field against the allow-list, every ConfigMap and Secret looked up.
struct PodReader {
    /// Containers of one pod, init containers included; more is a mistake.
    static let maximumContainers = 20

    let lookup: DataLookup
    let images: ImagePins

    enum Kind { case deployment, job }

    func read(_ template: FieldReader, _ kind: Kind) throws -> PodSpec {
        guard let pod = try template.child("spec") else { throw template.invalid("spec", "is missing") }
        try pod.check(.pod)
        try checkRestartPolicy(pod, kind)
        let security = try readSecurity(pod)
        let volumes = try VolumeReader(lookup: lookup).read(pod)
        let reader = ContainerReader(
            lookup: lookup,
            images: images,
            pod: security.container,
            volumes: Set(volumes.map(\.name))
        )
        let initContainers = try pod.children("initContainers").map { try reader.read($0, isInit: true) }
        let containers = try pod.children("containers").map { try reader.read($0, isInit: false) }
        let names = (initContainers + containers).map(\.name)
        guard !containers.isEmpty else { throw pod.invalid("containers", "is empty") }
        guard names.count <= Self.maximumContainers else {
            throw pod.invalid("containers", "has more than \(Self.maximumContainers) containers")
        }
        guard Set(names).count == names.count else { throw pod.invalid("containers", "has two containers of one name") }
        warnAboutPortNames(pod, containers)
        try checkSubPaths(pod, volumes, initContainers + containers)
        return PodSpec(
            initContainers: initContainers,
            containers: containers,
            volumes: volumes,
            fsGroup: security.fsGroup,
            supplementalGroups: security.groups,
            hostAliases: try pod.children("hostAliases").map(readAlias),
            terminationGrace: try pod.integer("terminationGracePeriodSeconds", 0...86_400) ?? 30
        )
    }

    private func checkRestartPolicy(_ pod: FieldReader, _ kind: Kind) throws {
        guard let policy = try pod.text("restartPolicy") else {
            if kind == .job { throw pod.invalid("restartPolicy", "must be Never or OnFailure in a Job") }
            return
        }
        let allowed = kind == .job ? ["Never", "OnFailure"] : ["Always"]
        guard allowed.contains(policy) else {
            throw pod.invalid("restartPolicy", "must be \(allowed.joined(separator: " or "))")
        }
    }

    private func warnAboutPortNames(_ pod: FieldReader, _ containers: [ContainerSpec]) {
        let names = containers.flatMap(\.ports).compactMap(\.name)
        let numbers = containers.flatMap(\.ports).map(\.number)
        if Set(names).count < names.count { pod.warn("containers", "name a port twice: the first one counts") }
        if Set(numbers).count < numbers.count {
            pod.warn("containers", "have one port number twice: containers of a pod share their ports")
        }
    }

    /// A container that can write to a folder could put a symbolic link in the place of one in it, and the mount of
    /// that one would follow the link out to the host. So of an empty folder either the whole is mounted, or parts of
    /// which none lies in another.
    private func checkSubPaths(_ pod: FieldReader, _ volumes: [VolumeSpec], _ containers: [ContainerSpec]) throws {
        let mounts = containers.flatMap(\.mounts)
        for volume in volumes where volume.files == nil {
            let paths = Set(mounts.filter { $0.volume == volume.name }.map { $0.subPath ?? "." }).sorted()
            for (index, path) in paths.enumerated() {
                let outer = paths[..<index].first { $0 == "." || path.begins(with: $0 + "/") }
                guard outer == nil else {
                    throw pod.refused(
                        "volumes",
                        "would mount \(quoted(path)) and a folder around it of the emptyDir \(volume.name)"
                    )
                }
            }
        }
    }

    private func readAlias(_ alias: FieldReader) throws -> PodSpec.HostAlias {
        let ip = try alias.required("ip")
        let names = try alias.texts("hostnames")
        guard isIPv4(ip) || isIPv6(ip) else { throw alias.invalid("ip", "must be an IP address") }
        guard names.allSatisfy(isSubdomain) else { throw alias.invalid("hostnames", "must be names of hosts") }
        return PodSpec.HostAlias(ip: ip, hostnames: names)
    }

    // MARK: - Security

    private struct Security {
        var container = ContainerSpec.Security()
        var fsGroup: Int?
        var groups: [Int] = []
    }

    private func readSecurity(_ pod: FieldReader) throws -> Security {
        guard let context = try pod.child("securityContext") else { return Security() }
        try context.check(.podSecurity)
        if try !context.children("sysctls").isEmpty { throw context.refused("sysctls", "would set the kernel") }
        try ContainerReader.checkProfiles(context)
        var security = Security()
        security.container.user = try context.integer("runAsUser", ContainerReader.ids)
        security.container.group = try context.integer("runAsGroup", ContainerReader.ids)
        security.container.mustNotBeRoot = try context.flag("runAsNonRoot") ?? false
        security.fsGroup = try context.integer("fsGroup", ContainerReader.ids)
        security.groups = try context.integers("supplementalGroups", ContainerReader.ids)
        return security
    }
}
