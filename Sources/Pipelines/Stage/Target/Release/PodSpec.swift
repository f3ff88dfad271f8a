/// What a pod consists of, with nothing left to look up: the fields of the allow-list, and no others.
struct PodSpec: Codable, Sendable, Equatable {
    /// Run one after another, each to its end, before the containers start.
    var initContainers: [ContainerSpec]
    var containers: [ContainerSpec]
    var volumes: [VolumeSpec]
    /// The group that owns the files of volumes.
    var fsGroup: Int?
    var supplementalGroups: [Int]
    var hostAliases: [HostAlias]
    /// Seconds from SIGTERM to SIGKILL.
    var terminationGrace: Int

    struct HostAlias: Codable, Sendable, Equatable {
        var ip: String
        var hostnames: [String]
    }
}

struct ContainerSpec: Codable, Sendable, Equatable {
    var name: String
    /// With a digest if it is one of the pipeline's images.
    var image: String
    /// Asked for again in the registry although it is here.
    var alwaysPull: Bool
    /// Replaces the image's entry point.
    var command: [String]
    /// Replaces the image's command.
    var args: [String]
    var environment: [EnvironmentVariable]
    var workingFolder: String?
    var ports: [Port]
    var mounts: [Mount]
    /// Bytes.
    var memoryLimit: Int?
    /// Thousandths of a processor.
    var cpuLimit: Int?
    var security: Security
    var readiness: ProbeSpec?
    var startup: ProbeSpec?

    struct Port: Codable, Sendable, Equatable {
        var name: String?
        var number: Int
    }

    struct Mount: Codable, Sendable, Equatable {
        var volume: String
        var path: String
        /// A file or folder in the volume.
        var subPath: String?
        var readOnly: Bool
    }

    struct Security: Codable, Sendable, Equatable {
        var user: Int?
        var group: Int?
        var mustNotBeRoot = false
        var readOnlyRoot = false
        var noNewPrivileges = false
        /// Capabilities as Kubernetes names them: `ALL`, `NET_RAW`.
        var drop: [String] = []
        /// Only `NET_BIND_SERVICE`, which is in the default set anyway, may come back after `drop: [ALL]`.
        var add: [String] = []
    }
}

/// One entry of a container's environment. Later entries win over earlier ones of the same name.
struct EnvironmentVariable: Codable, Sendable, Equatable {
    var name: String
    var value: Content

    enum Content: Codable, Sendable, Equatable {
        /// Written in the manifest: `$(NAME)` stands for an earlier variable.
        case written(String)
        /// From a ConfigMap or Secret: taken as it is.
        case resolved(String)
        /// Known when the pod is made.
        case podName
    }
}

struct VolumeSpec: Codable, Sendable, Equatable {
    var name: String
    /// Nil: an empty folder of the pod's own. Otherwise the files of ConfigMaps and Secrets, in order of path.
    var files: [File]?

    struct File: Codable, Sendable, Equatable {
        /// Relative, without `..`.
        var path: String
        /// In base64.
        var content: String
        var mode: Int
    }
}

/// How a container is asked whether it has started or is ready. Times are in seconds.
struct ProbeSpec: Codable, Sendable, Equatable {
    enum Action: Codable, Sendable, Equatable {
        case httpGet(path: String, port: Int, headers: [Header])
        case tcpSocket(port: Int)
        case exec([String])
    }

    struct Header: Codable, Sendable, Equatable {
        var name: String
        var value: String
    }

    var action: Action
    var initialDelay: Double
    var period: Double
    var timeout: Double
    var successThreshold: Int
    var failureThreshold: Int
}
