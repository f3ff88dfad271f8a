import HTTPClient

/// A Kubernetes cluster by its API. Copies share connections, token and what is known of the cluster's kinds; many calls
/// at once run in parallel.
///
/// Every call throws ``KubernetesError`` and nothing else, and ends at ``ClusterLimits/request`` at the latest. What may
/// succeed a little later (429, 5xx, a broken connection) is tried again until then, as far as doing it twice does no
/// harm.
public struct Cluster: Sendable {
    /// May be changed for a copy.
    public var limits: ClusterLimits
    let connection: ClusterConnection

    /// Does not connect yet.
    public init(_ access: ClusterAccess, limits: ClusterLimits = ClusterLimits()) {
        self.limits = limits
        connection = ClusterConnection(access)
    }

    public var access: ClusterAccess { connection.access }

    /// Ends all that is under way with code `cancelled`, in all copies. Not needed in the end: the last copy does it.
    public func close() {
        connection.client.close()
    }

    /// What the server says of itself, without asking for a permission that not everybody has.
    public func version() async throws -> ClusterVersion {
        let call = APICall(subject: "the cluster's version", path: "/version")
        let answer = try await json(call)
        guard let name = answer["gitVersion"]?.string else {
            throw KubernetesError(
                .notKubernetes,
                "the cluster's version: \(access.server) answers JSON, but not as a Kubernetes API server does"
            )
        }
        return ClusterVersion(
            name: name,
            major: Int((answer["major"]?.string ?? "").prefix { $0.isNumber }) ?? 0,
            minor: Int((answer["minor"]?.string ?? "").prefix { $0.isNumber }) ?? 0
        )
    }
}

public struct ClusterVersion: Sendable, Hashable {
    /// `v1.33.1`.
    public var name: String
    public var major: Int
    public var minor: Int
}
