/// A container as `podman container inspect` shows it.
struct RunningContainer: Sendable, Equatable {
    /// podman's name of it: pod and container.
    var name: String
    var labels: [String: String]
    /// `created`, `running`, `stopped`, `exited` …
    var status: String
    var exitCode: Int
    var outOfMemory: Bool
    /// What podman says when it could not start it at all.
    var error: String
    var restarts: Int
    var imageID: String
    /// On the pods' network; empty while it does not run.
    var address: String

    var isRunning: Bool { status == "running" }
    /// It ended, or could not be started.
    var isDown: Bool { ["exited", "stopped", "dead", "removing"].contains(status) || !error.isEmpty }
}

extension RunningContainer: Decodable {
    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case state = "State"
        case restarts = "RestartCount"
        case imageID = "Image"
        case network = "NetworkSettings"
        case config = "Config"
    }

    private struct State: Decodable {
        var status: String
        var exitCode: Int
        var outOfMemory: Bool?
        var error: String?

        enum CodingKeys: String, CodingKey {
            case status = "Status"
            case exitCode = "ExitCode"
            case outOfMemory = "OOMKilled"
            case error = "Error"
        }
    }

    private struct Network: Decodable {
        struct Attachment: Decodable {
            var address: String?
            enum CodingKeys: String, CodingKey { case address = "IPAddress" }
        }
        var networks: [String: Attachment]?
        enum CodingKeys: String, CodingKey { case networks = "Networks" }
    }

    private struct Config: Decodable {
        var labels: [String: String]?
        enum CodingKeys: String, CodingKey { case labels = "Labels" }
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let state = try container.decode(State.self, forKey: .state)
        let network = try container.decodeIfPresent(Network.self, forKey: .network)
        name = try container.decode(String.self, forKey: .name)
        labels = try container.decodeIfPresent(Config.self, forKey: .config)?.labels ?? [:]
        status = state.status
        exitCode = state.exitCode
        outOfMemory = state.outOfMemory ?? false
        error = state.error ?? ""
        restarts = try container.decodeIfPresent(Int.self, forKey: .restarts) ?? 0
        imageID = try container.decode(String.self, forKey: .imageID)
        address = network?.networks?.values.compactMap(\.address).first { !$0.isEmpty } ?? ""
    }
}

/// A pod of ours as `podman pod ps` lists it.
struct ListedPod: Sendable, Decodable {
    struct Container: Sendable, Decodable {
        var name: String
        var id: String

        enum CodingKeys: String, CodingKey {
            case name = "Names"
            case id = "Id"
        }
    }

    var name: PodName
    private var status: String
    /// podman's own container, which holds the network.
    var infraID: String
    private var labels: [String: String]
    private var allContainers: [Container]

    private enum CodingKeys: String, CodingKey {
        case name = "Name"
        case status = "Status"
        case infraID = "InfraId"
        case labels = "Labels"
        case containers = "Containers"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        name = PodName(known: try container.decode(String.self, forKey: .name))
        status = try container.decode(String.self, forKey: .status)
        infraID = try container.decode(String.self, forKey: .infraID)
        labels = try container.decodeIfPresent([String: String].self, forKey: .labels) ?? [:]
        allContainers = try container.decodeIfPresent([Container].self, forKey: .containers) ?? []
    }

    func label(_ key: String) -> String { labels[key] ?? "" }
    var environment: String { label(PodLabel.environment) }
    var grace: Int? { Int(label(PodLabel.grace)) }
    var release: Int64? { Int64(label(PodLabel.release)) }
    /// podman's names of the containers out of the manifest.
    var containers: [String] { allContainers.filter { $0.id != infraID }.map(\.name) }
    var isRunning: Bool { status == "Running" }
}

/// An image as `podman image inspect` shows it.
struct LocalImage: Sendable, Decodable {
    private struct Config: Sendable, Decodable {
        var user: String?
        enum CodingKeys: String, CodingKey { case user = "User" }
    }

    var id: String
    private var config: Config?

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case config = "Config"
    }

    /// `1000`, `1000:1000`, `web`; empty for root.
    var user: String { config?.user ?? "" }
}
