#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Everything that a release on the podman target consists of: the workloads of the repository's manifests with images
/// pinned to their digests and with the data of ConfigMaps and Secrets put in. A release can be created again from its
/// body alone, without the repository.
///
/// It holds secrets: whoever stores it seals it.
public struct ReleaseBody: Codable, Sendable, Equatable {
    /// The shape of this JSON; bodies of another one are refused when they are read.
    static let currentFormat = 1

    var format = Self.currentFormat
    public var namespace: String
    /// Runs to completion before the rollout begins.
    var before: Job?
    /// In order of name.
    var deployments: [Workload]
    /// In order of name.
    var services: [ServiceSpec]
    /// The values of the pipeline's secrets in base64, so that they can be masked when the release is applied again. Nil:
    /// there are none, or it was recorded before they were kept here.
    var secrets: [String]?

    /// A Deployment.
    struct Workload: Codable, Sendable, Equatable {
        var name: String
        var replicas: Int
        var labels: [String: String]
        var pod: PodSpec
    }

    /// A Job.
    struct Job: Codable, Sendable, Equatable {
        var name: String
        /// How often it is tried again.
        var backoffLimit: Int
        /// For all tries together, in seconds.
        var activeDeadline: Double?
        var pod: PodSpec
    }

    /// A Service.
    struct ServiceSpec: Codable, Sendable, Equatable {
        var name: String
        /// The labels of the pods behind it; never empty.
        var selector: [String: String]
        var ports: [Port]

        struct Port: Codable, Sendable, Equatable {
            var number: Int
            var target: PortName
            var mode: ProxyMode
        }
    }
}

/// How a Service port is proxied.
enum ProxyMode: String, Codable, Sendable { case http, tcp }

/// A port of a container, by number or by the name that a container gives it.
enum PortName: Codable, Sendable, Equatable, CustomStringConvertible {
    case number(Int)
    case name(String)

    var description: String {
        switch self {
        case .number(let number): "\(number)"
        case .name(let name): name
        }
    }
}

extension ReleaseBody {
    /// The same body gives the same bytes: keys in order, no white space.
    public func canonicalJSON() throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(self))
    }

    /// Reads what `canonicalJSON` wrote.
    /// - Throws: `StageError` (errored, `release-unreadable`) for anything else.
    public init(json: [UInt8]) throws {
        do {
            self = try JSONDecoder().decode(ReleaseBody.self, from: Data(json))
        } catch {
            throw StageError(.errored, "release-unreadable", "The recorded release cannot be read")
        }
        guard format == Self.currentFormat else {
            throw StageError(
                .errored,
                "release-unreadable",
                "The recorded release has format \(format), which this version cannot read"
            )
        }
    }

    /// References of all images, each once, in order.
    public var images: [String] {
        let pods = deployments.map(\.pod) + (before.map { [$0.pod] } ?? [])
        return Set(pods.flatMap { $0.initContainers + $0.containers }.map(\.image)).sorted()
    }
}
