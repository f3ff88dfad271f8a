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
        var Status: String
        var ExitCode: Int
        var OOMKilled: Bool?
        var Error: String?
    }

    private struct Network: Decodable {
        struct Attachment: Decodable { var IPAddress: String? }
        var Networks: [String: Attachment]?
    }

    private struct Config: Decodable { var Labels: [String: String]? }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let state = try container.decode(State.self, forKey: .state)
        let network = try container.decodeIfPresent(Network.self, forKey: .network)
        name = try container.decode(String.self, forKey: .name)
        labels = try container.decodeIfPresent(Config.self, forKey: .config)?.Labels ?? [:]
        status = state.Status
        exitCode = state.ExitCode
        outOfMemory = state.OOMKilled ?? false
        error = state.Error ?? ""
        restarts = try container.decodeIfPresent(Int.self, forKey: .restarts) ?? 0
        imageID = try container.decode(String.self, forKey: .imageID)
        address = network?.Networks?.values.compactMap(\.IPAddress).first { !$0.isEmpty } ?? ""
    }
}

/// A pod of ours as `podman pod ps` lists it.
struct ListedPod: Sendable, Decodable {
    struct Container: Sendable, Decodable {
        var Names: String
        var Status: String
        var Id: String
    }

    var Name: String
    var Status: String
    var InfraId: String
    var Labels: [String: String]?
    var Containers: [Container]?

    var name: PodName { PodName(known: Name) }
    func label(_ key: String) -> String { Labels?[key] ?? "" }
    var environment: String { label(PodLabel.environment) }
    var grace: Int? { Int(label(PodLabel.grace)) }
    var release: Int64? { Int64(label(PodLabel.release)) }
    /// Without podman's own one, which holds the network.
    var containers: [Container] { (Containers ?? []).filter { $0.Id != InfraId } }
    var isRunning: Bool { Status == "Running" }
}

/// An image as `podman image inspect` shows it.
struct LocalImage: Sendable, Decodable {
    struct Config: Sendable, Decodable { var User: String? }

    var Id: String
    var RepoDigests: [String]?
    var Config: Config?
}
