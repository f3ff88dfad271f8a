#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The Pod that `podman play kube` reads from its standard input, as JSON (which is YAML): so nothing of it stands in
/// an argument list, and no text of a manifest can turn into structure.
///
/// Left out on purpose: ports, because podman 4.3 publishes every containerPort on all addresses of the host; init
/// containers, because it lets them inherit `restartPolicy: Always` and then waits for ever; annotations, because some
/// of them mean `privileged`.
struct PodSheet: Encodable {
    let apiVersion = "v1"
    let kind = "Pod"
    var metadata: Metadata
    var spec: Spec

    struct Metadata: Encodable {
        var name: String
        var labels: [String: String]
    }

    struct Spec: Encodable {
        var restartPolicy: String
        var containers: [Container]
        var volumes: [Volume]
        var securityContext: GroupContext
        var hostAliases: [PodSpec.HostAlias]
    }

    struct GroupContext: Encodable {
        var supplementalGroups: [Int]
    }

    struct Container: Encodable {
        var name: String
        var image: String
        /// The image was pulled before, with the credentials of this stage.
        let imagePullPolicy = "Never"
        var command: [String]?
        var args: [String]?
        var env: [Variable]
        var workingDir: String?
        var resources: Resources
        var securityContext: SecurityContext
        var volumeMounts: [Mount]
    }

    struct Variable: Encodable {
        var name: String
        var value: String
    }

    struct Resources: Encodable {
        var limits: [String: String]
    }

    struct SecurityContext: Encodable {
        var runAsUser: Int?
        var runAsGroup: Int?
        var readOnlyRootFilesystem: Bool
        var allowPrivilegeEscalation: Bool
        var capabilities: Capabilities
    }

    struct Capabilities: Encodable {
        var drop: [String]
        var add: [String]
    }

    struct Mount: Encodable {
        var name: String
        var mountPath: String
        var readOnly: Bool
    }

    struct Volume: Encodable {
        var name: String
        var hostPath: HostPath
    }

    struct HostPath: Encodable {
        var path: String
        var type: String
    }

    /// - Parameters:
    ///   - containers: of the spec; an init container runs in a pod of its own.
    ///   - folder: where the pod's volumes are.
    init(
        name: PodName,
        labels: [String: String],
        restartPolicy: String,
        spec: PodSpec,
        containers: [ContainerSpec],
        folder: PodFolder
    ) {
        metadata = Metadata(name: name.description, labels: labels)
        var volumes: [String: Volume] = [:]
        let sheets = containers.map { container in
            let mounts = container.mounts.map { mount in
                let found = folder.path(of: mount)
                let volume =
                    volumes[found.path]
                    ?? Volume(
                        name: "v\(volumes.count)",
                        hostPath: HostPath(path: found.path, type: found.isFile ? "File" : "Directory")
                    )
                volumes[found.path] = volume
                return Mount(name: volume.name, mountPath: mount.path, readOnly: mount.readOnly || found.isReadOnly)
            }
            return Self.container(container, mounts, podName: folder.owner)
        }
        self.spec = Spec(
            restartPolicy: restartPolicy,
            containers: sheets,
            volumes: volumes.values.sorted { $0.name < $1.name },
            securityContext: GroupContext(
                supplementalGroups: spec.supplementalGroups + (spec.fsGroup.map { [$0] } ?? [])
            ),
            hostAliases: spec.hostAliases
        )
    }

    private static func container(_ spec: ContainerSpec, _ mounts: [Mount], podName: PodName) -> Container {
        let environment = EnvironmentExpansion(spec.environment, podName: podName.description)
        var limits: [String: String] = [:]
        limits["memory"] = spec.memoryLimit.map { "\($0)" }
        limits["cpu"] = spec.cpuLimit.map { "\($0)m" }
        return Container(
            name: spec.name,
            image: spec.image,
            command: spec.command.isEmpty ? nil : spec.command.map(environment.expand),
            args: spec.args.isEmpty ? nil : spec.args.map(environment.expand),
            env: environment.variables.map { Variable(name: $0.name, value: $0.value) },
            workingDir: spec.workingFolder,
            resources: Resources(limits: limits),
            securityContext: SecurityContext(
                runAsUser: spec.security.user,
                runAsGroup: spec.security.group,
                readOnlyRootFilesystem: spec.security.readOnlyRoot,
                allowPrivilegeEscalation: !spec.security.noNewPrivileges,
                capabilities: Capabilities(drop: spec.security.drop, add: spec.security.add)
            ),
            volumeMounts: mounts
        )
    }

    func json() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }
}
