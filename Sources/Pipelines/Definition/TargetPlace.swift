import Kubernetes

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Where a target leads, as far as it can be told without asking anybody: two files may describe one cluster, by other
/// paths, contexts or names.
struct TargetPlace {
    private let target: Definition.Target
    /// `https://host:port/path` of the API server; nil if nobody knows.
    let server: String?

    /// Reads the kubeconfig, if it can be read here and now.
    init(_ target: Definition.Target) {
        switch target {
        case .kubeconfig(let file, let context):
            self.target = .kubeconfig(file: resolved(file), context: context)
            let text = (try? readFile(file, atMost: 1 << 20)).map { String(decoding: $0, as: UTF8.self) }
            server = text.flatMap { ClusterAccess.server(inKubeconfig: $0, context: context) }.flatMap(plainServer)
        case .digitalocean(let cluster) where isIdentifier(cluster):
            // The address that DigitalOcean gives in credentials and kubeconfigs.
            self.target = target
            server = plainServer("https://\(cluster).k8s.ondigitalocean.com")
        case .digitalocean, .inCluster, .podman:
            self.target = target
            server = nil
        }
    }

    /// Both lead, or may lead, to the same cluster.
    func mayBe(_ other: TargetPlace) -> Bool {
        if let server, server == other.server { return true }
        return target.mayBe(other.target)
    }
}

/// Without symbolic links, if there is such a file.
private func resolved(_ path: String) -> String {
    guard let name = realpath(path, nil) else { return path }
    defer { free(name) }
    return String(cString: name)
}

/// One spelling for all the ways to write a server's address.
private func plainServer(_ text: String) -> String? {
    guard let url = PlainURL(text), ["https", "http"].contains(url.scheme.lowercased()) else { return nil }
    let scheme = url.scheme.lowercased()
    let port = url.host.port ?? (scheme == "https" ? 443 : 80)
    var path = url.path
    while path.ends(with: "/") { path = path.dropLast() }
    return "\(scheme)://\(url.host.name.lowercased()):\(port)\(path)"
}

/// DigitalOcean's ids of clusters are UUIDs, and its names cannot be told from them in another way.
private func isIdentifier(_ text: String) -> Bool {
    let parts = text.parts(at: "-")
    return parts.map(\.utf8.count) == [8, 4, 4, 4, 12]
        && parts.allSatisfy {
            $0.utf8.allSatisfy { $0.isLetterOrDigit && !(UInt8(ascii: "g")...UInt8(ascii: "z") ~= $0 | 0x20) }
        }
}
