import FoundationEssentials

extension ClusterAccess {
    /// Where Kubernetes puts a pod's own credentials.
    public static let serviceAccountFolder = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The cluster that this program runs in, as the service account of its pod. The token is read again when it is
    /// renewed there.
    ///
    /// - Parameter environment: nil for that of this process.
    /// - Throws: ``KubernetesError`` with code `badAccess` if this is no pod, or one without a service account's token.
    public static func inCluster(
        folder: String = serviceAccountFolder,
        environment: [String: String]? = nil
    ) throws(KubernetesError) -> ClusterAccess {
        let environment = environment ?? ProcessInfo.processInfo.environment
        guard let host = environment["KUBERNETES_SERVICE_HOST"], let port = environment["KUBERNETES_SERVICE_PORT"],
            !host.isEmpty, !port.isEmpty
        else {
            throw KubernetesError(
                .badAccess,
                "this is not a pod of a cluster: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set"
            )
        }
        guard FileManager.default.isReadableFile(atPath: folder + "/token") else {
            throw KubernetesError(
                .badAccess,
                "the pod has no service account's token at \(folder)/token: set automountServiceAccountToken: true"
            )
        }
        guard let authority = FileManager.default.contents(atPath: folder + "/ca.crt") else {
            throw KubernetesError(.badAccess, "the cluster's authority at \(folder)/ca.crt cannot be read")
        }
        let namespace = FileManager.default.contents(atPath: folder + "/namespace")
            .map { String(decoding: $0, as: UTF8.self).trimmed }
        return try ClusterAccess(
            server: "https://\(host.contains(":") ? "[\(host)]" : host):\(port)",
            authorityPEM: [UInt8](authority),
            credential: .tokenFile(folder + "/token"),
            namespace: namespace
        )
    }
}
