import FoundationEssentials
import Kubernetes

/// Everything that a release in a cluster consists of: the objects as they are applied, with images pinned to their
/// digests. It can be applied again from this alone, without the repository.
///
/// It holds secrets: whoever stores it seals it.
struct ClusterRelease: Codable, Sendable, Equatable {
    /// The shape of this JSON; bodies of another one are refused when they are read.
    static let currentFormat = 1

    var format = Self.currentFormat
    var namespace: String
    var manifests: [Manifest]
    /// Where the pipeline's images are used.
    var uses: [ImageUse]
    /// The Job that must finish before the rollout begins.
    var before: Manifest?

    init(namespace: String, manifests: [Manifest], uses: [ImageUse], before: Manifest?) {
        self.namespace = namespace
        self.manifests = manifests
        self.uses = uses
        self.before = before
    }

    /// - Throws: `StageError` if another version of Fairlead has written it in another form.
    init(json: [UInt8]) throws {
        let release = try? JSONDecoder().decode(ClusterRelease.self, from: Data(json))
        guard let release, release.format == Self.currentFormat else {
            throw StageError(.errored, "release-unreadable", "The recorded release is not of a form that can be read")
        }
        self = release
    }

    var json: [UInt8] {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return Array(try encoder.encode(self))
        }
    }

    /// The release as a rollback applies it: without the Job before the rollout.
    var withoutBefore: ClusterRelease {
        var release = self
        release.uses.removeAll { $0.object == before?.id }
        release.before = nil
        return release
    }

    /// The Services' ports, as they are named inside the cluster.
    var services: [ServiceEndpoint] {
        manifests.filter { $0.id.kind == "Service" && $0.id.group.isEmpty }.flatMap { service in
            (service.object[["spec", "ports"]]?.items ?? []).compactMap { port in
                port["port"]?.integer.map {
                    ServiceEndpoint(
                        name: service.id.name,
                        port: Int($0),
                        address: "\(service.id.name).\(service.id.namespace ?? namespace).svc:\($0)"
                    )
                }
            }
        }
    }
}
