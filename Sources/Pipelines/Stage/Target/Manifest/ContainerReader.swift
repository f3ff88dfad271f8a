/// Reads one container of a pod template.
struct ContainerReader {
    /// What the kernel takes for a user or group.
    static let ids = 0...Int(Int32.max)

    let lookup: DataLookup
    let images: ImagePins
    /// What the pod says for all its containers.
    let pod: ContainerSpec.Security
    let volumes: Set<String>

    func read(_ container: FieldReader, isInit: Bool) throws -> ContainerSpec {
        try container.check(.container)
        let name = try container.required("name")
        guard isLabel(name) else {
            throw container.invalid("name", "must be lower-case letters, digits and hyphens, at most 63")
        }
        if container.has("restartPolicy") {
            throw container.unsupported(
                "restartPolicy",
                "is not supported by the podman target: write a container of its own"
            )
        }
        let (image, alwaysPull) = try readImage(container)
        let ports = try container.children("ports").compactMap(readPort)
        let resources = try readLimits(container)
        var spec = ContainerSpec(
            name: name,
            image: image,
            alwaysPull: alwaysPull,
            command: try container.texts("command"),
            args: try container.texts("args"),
            environment: try EnvironmentReader(lookup: lookup).read(container),
            workingFolder: try readWorkingFolder(container),
            ports: ports,
            mounts: try container.children("volumeMounts").map(readMount),
            memoryLimit: resources.memory,
            cpuLimit: resources.cpu,
            security: try readSecurity(container)
        )
        if isInit {
            for probe in ["readinessProbe", "startupProbe"] where container.has(probe) {
                throw container.invalid(probe, "has no meaning for an init container")
            }
        } else {
            let reader = ProbeReader(ports: ports)
            spec.readiness = try container.child("readinessProbe").map(reader.read)
            spec.startup = try container.child("startupProbe").map(reader.read)
        }
        return spec
    }

    private func readImage(_ container: FieldReader) throws -> (String, alwaysPull: Bool) {
        let written = try container.required("image")
        guard let image = ImageName(written) else {
            throw container.refused("image", "says \(quoted(written)), which is not the name of an image in a registry")
        }
        if let pinned = images.pin(image) { return (pinned, false) }
        let policy = try container.text("imagePullPolicy") ?? (image.isLatest ? "Always" : "IfNotPresent")
        switch policy {
        case "Always": return (image.full, true)
        case "IfNotPresent": return (image.full, false)
        case "Never":
            container.warn("imagePullPolicy", "is taken for IfNotPresent: nobody else puts images on this machine")
            return (image.full, false)
        default: throw container.invalid("imagePullPolicy", "must be Always, IfNotPresent or Never")
        }
    }

    private func readPort(_ port: FieldReader) throws -> ContainerSpec.Port? {
        try port.check(.containerPort)
        guard let number = try port.integer("containerPort", 1...65_535) else {
            throw port.invalid("containerPort", "is missing")
        }
        if let transport = try port.text("protocol"), transport != "TCP" {
            port.warn("protocol", "is not honoured by the podman target: Services reach TCP ports only")
            return nil
        }
        return ContainerSpec.Port(name: try port.text("name"), number: number)
    }

    private func readWorkingFolder(_ container: FieldReader) throws -> String? {
        guard let folder = try container.text("workingDir"), !folder.isEmpty else { return nil }
        guard folder.begins(with: "/") else { throw container.invalid("workingDir", "must be an absolute path") }
        return folder
    }

    private func readMount(_ mount: FieldReader) throws -> ContainerSpec.Mount {
        try mount.check(.mount)
        let name = try mount.required("name")
        guard volumes.contains(name) else { throw mount.invalid("name", "names no volume of the pod") }
        let path = try mount.required("mountPath")
        // The colon separates the parts of a mount for podman, and would say more than a path.
        let parts = path.parts(at: "/")
        guard path.begins(with: "/"), FilePath.tidy(path) != ".", !path.utf8.contains(UInt8(ascii: ":")),
            !path.hasControls, !parts.contains("..")
        else { throw mount.invalid("mountPath", "must be an absolute path other than / without '..' and ':'") }
        let subPath = try mount.text("subPath").flatMap { $0.isEmpty ? nil : $0 }
        if let subPath {
            guard !subPath.begins(with: "/"), !subPath.parts(at: "/").contains("..") else {
                throw mount.refused("subPath", "would lead out of the volume")
            }
            guard !subPath.utf8.contains(UInt8(ascii: ":")), !subPath.hasControls else {
                throw mount.invalid("subPath", "holds a ':' or a control character")
            }
        }
        return ContainerSpec.Mount(
            volume: name,
            path: path,
            subPath: subPath.map(FilePath.tidy),
            readOnly: try mount.flag("readOnly") ?? false
        )
    }

    private func readLimits(_ container: FieldReader) throws -> (memory: Int?, cpu: Int?) {
        // Requests only tell a scheduler where a pod fits: here there is one machine.
        guard let limits = try container.child("resources")?.child("limits") else { return (nil, nil) }
        var memory: Int?
        var cpu: Int?
        for entry in limits.value.entries {
            guard entry.key == "memory" || entry.key == "cpu" else {
                limits.warn(entry.key, "is not honoured by the podman target")
                continue
            }
            guard let amount = Quantity(entry.value.text ?? "") else {
                throw limits.invalid(entry.key, "is not an amount such as 64Mi or 500m")
            }
            if entry.key == "memory" { memory = amount.whole } else { cpu = max(1, amount.thousandths) }
        }
        if let memory, memory < 6 << 20 {
            throw limits.invalid("memory", "is less than 6Mi, with which no container starts")
        }
        return (memory, cpu)
    }

    // MARK: - Security

    private func readSecurity(_ container: FieldReader) throws -> ContainerSpec.Security {
        var security = pod
        guard let context = try container.child("securityContext") else { return security }
        try context.check(.containerSecurity)
        try Self.checkProfiles(context)
        security.user = try context.integer("runAsUser", Self.ids) ?? pod.user
        security.group = try context.integer("runAsGroup", Self.ids) ?? pod.group
        security.mustNotBeRoot = try context.flag("runAsNonRoot") ?? pod.mustNotBeRoot
        security.readOnlyRoot = try context.flag("readOnlyRootFilesystem") ?? false
        // True is what a container may do anyway (programs with the setuid bit, within its capabilities).
        security.noNewPrivileges = try context.flag("allowPrivilegeEscalation") == false
        guard let capabilities = try context.child("capabilities") else { return security }
        security.drop = try capabilities.texts("drop").map { $0.uppercased() }
        security.add = try capabilities.texts("add").map { $0.uppercased() }
        // The restricted Pod Security Standard lets this one be added; it is in podman's default set too.
        if let other = security.add.first(where: { $0 != "NET_BIND_SERVICE" }) {
            throw capabilities.refused("add", "would add the capability \(quoted(other))")
        }
        let isName = { (name: String) in !name.isEmpty && name.utf8.allSatisfy { $0.isUpper || $0 == UInt8(ascii: "_") }
        }
        guard security.drop.allSatisfy(isName) else { throw capabilities.invalid("drop", "must name capabilities") }
        return security
    }

    /// Only the profiles that containers have anyway.
    static func checkProfiles(_ context: FieldReader) throws {
        for (key, kernel) in [("seccompProfile", "system calls"), ("appArmorProfile", "files and sockets")] {
            guard let profile = try context.child(key) else { continue }
            let type = try profile.required("type")
            guard type == "RuntimeDefault" else {
                throw context.refused(key, "would choose another filter of \(kernel) (\(quoted(type)))")
            }
        }
    }
}
