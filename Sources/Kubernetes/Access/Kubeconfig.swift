import FoundationEssentials
import Yams

extension ClusterAccess {
    /// Reads a kubeconfig.
    ///
    /// Files that it names are relative to its folder, and read now, except for a `tokenFile`, which is read when it is
    /// needed. `proxy-url` is honoured. Not supported, and said so: `exec` and `auth-provider`, which run programs with
    /// our rights; `insecure-skip-tls-verify`; `tls-server-name`; `username` and `password`, which no API server takes
    /// any more.
    ///
    /// - Parameters:
    ///   - context: nil for `current-context`.
    ///   - folder: where the kubeconfig lies.
    /// - Throws: ``KubernetesError`` with code `badAccess`.
    public init(kubeconfig text: String, context: String? = nil, folder: String = ".") throws(KubernetesError) {
        try self.init(Kubeconfig(text: text, folder: folder).chosen(context))
    }

    /// Reads a kubeconfig's file.
    public init(kubeconfigFile path: String, context: String? = nil) throws(KubernetesError) {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw KubernetesError(.badAccess, "the kubeconfig \(path) cannot be read")
        }
        let folder = path.contains("/") ? String(path[...path.lastIndex(of: "/")!]) : "."
        try self.init(kubeconfig: String(decoding: data, as: UTF8.self), context: context, folder: folder)
    }

    /// The API server's address in a kubeconfig, as it is written, whatever else is wrong with the file.
    ///
    /// - Returns: nil if it names none.
    public static func server(inKubeconfig text: String, context: String? = nil) -> String? {
        try? Kubeconfig(text: text, folder: ".").cluster(context).server
    }

    private init(_ chosen: Kubeconfig.Chosen) throws(KubernetesError) {
        try self.init(
            server: chosen.server,
            authorityPEM: chosen.authority,
            credential: chosen.credential,
            namespace: chosen.namespace
        )
        proxy = chosen.proxy
    }
}

private struct Kubeconfig {
    struct Chosen {
        var server: String
        var authority: [UInt8]?
        var credential: ClusterAccess.Credential
        var namespace: String?
        var proxy: String?
    }

    private let root: JSON
    private let folder: String

    init(text: String, folder: String) throws(KubernetesError) {
        let node: Node?
        do {
            node = try Yams.compose(yaml: text)
        } catch {
            throw bad("the kubeconfig is not YAML: \(error)")
        }
        guard let node, node.mapping != nil else {
            throw bad("the kubeconfig is empty, or not a mapping with clusters, users and contexts")
        }
        root = JSON(plain: node)
        self.folder = folder
    }

    func chosen(_ name: String?) throws(KubernetesError) -> Chosen {
        let (context, clusterName, cluster, server) = try cluster(name)
        try refuse(cluster: cluster, clusterName)
        var chosen = Chosen(server: server, credential: .none)
        chosen.authority = try bytes(cluster, "certificate-authority")
        chosen.namespace = context["namespace"]?.string
        chosen.proxy = cluster["proxy-url"]?.string
        if let userName = context["user"]?.string, !userName.isEmpty {
            chosen.credential = try credential(entry("users", "user", userName), userName)
        }
        return chosen
    }

    /// The cluster that a context leads to.
    func cluster(
        _ name: String?
    ) throws(KubernetesError) -> (context: JSON, name: String, cluster: JSON, server: String) {
        guard let name = name ?? root["current-context"]?.string, !name.isEmpty else {
            throw bad("the kubeconfig has no current-context: name the context that is meant")
        }
        let context = try entry("contexts", "context", name)
        guard let clusterName = context["cluster"]?.string else { throw bad("context \(name) names no cluster") }
        let cluster = try entry("clusters", "cluster", clusterName)
        guard let server = cluster["server"]?.string, !server.isEmpty else {
            throw bad("cluster \(clusterName) has no server")
        }
        return (context, clusterName, cluster, server)
    }

    private func refuse(cluster: JSON, _ name: String) throws(KubernetesError) {
        if cluster["insecure-skip-tls-verify"]?.string == "true" {
            throw bad(
                "cluster \(name) has insecure-skip-tls-verify: anybody on the way could read the credentials; remove it "
                    + "and give the authority's certificate as certificate-authority-data"
            )
        }
        if let serverName = cluster["tls-server-name"]?.string, !serverName.isEmpty {
            throw bad(
                "cluster \(name) has tls-server-name, which is not supported: give as server an address that the "
                    + "certificate names, such as https://\(serverName)"
            )
        }
    }

    private func credential(_ user: JSON, _ name: String) throws(KubernetesError) -> ClusterAccess.Credential {
        if let exec = user["exec"] {
            throw bad(
                "user \(name) logs in by an exec plugin (\(exec["command"]?.string ?? "without a command")): programs "
                    + "named by a kubeconfig are not run; give a kubeconfig with a token or a client certificate, such as "
                    + "that of a service account (kubectl create token)"
            )
        }
        if let provider = user["auth-provider"] {
            throw bad(
                "user \(name) logs in by an auth-provider plugin (\(provider["name"]?.string ?? "without a name")), which "
                    + "Kubernetes itself no longer has; give a kubeconfig with a token or a client certificate"
            )
        }
        if let path = user["tokenFile"]?.string, !path.isEmpty { return .tokenFile(absolute(path)) }
        if let token = user["token"]?.string, !token.isEmpty { return .token { token } }
        let certificate = try bytes(user, "client-certificate")
        let key = try bytes(user, "client-key")
        switch (certificate, key) {
        case (let certificate?, let key?): return .certificate(certificate, key: key)
        case (.some, nil): throw bad("user \(name) has a client-certificate, but no client-key")
        case (nil, .some): throw bad("user \(name) has a client-key, but no client-certificate")
        case (nil, nil): break
        }
        if user["username"] != nil || user["password"] != nil {
            throw bad("user \(name) has username and password, which no API server takes any more; give a token")
        }
        return .none
    }

    /// `client-key-data`, or the file that `client-key` names.
    private func bytes(_ object: JSON, _ key: String) throws(KubernetesError) -> [UInt8]? {
        if let text = object[key + "-data"]?.string, !text.isEmpty {
            guard let data = Data(base64Encoded: text.filter { !$0.isWhitespace }) else {
                throw bad("\(key)-data is not base64")
            }
            return [UInt8](data)
        }
        guard let path = object[key]?.string, !path.isEmpty else { return nil }
        guard let data = FileManager.default.contents(atPath: absolute(path)) else {
            throw bad("the \(key) \(absolute(path)) cannot be read")
        }
        return [UInt8](data)
    }

    private func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : folder + (folder.hasSuffix("/") ? "" : "/") + path
    }

    private func entry(_ list: String, _ key: String, _ name: String) throws(KubernetesError) -> JSON {
        let all = root[list]?.items ?? []
        guard let found = all.first(where: { $0["name"]?.string == name }) else {
            let names = all.compactMap { $0["name"]?.string }.joined(separator: ", ")
            throw bad("the kubeconfig has no \(key) \(name); it has \(names.isEmpty ? "none" : names)")
        }
        return found[key] ?? [:]
    }
}

private func bad(_ message: String) -> KubernetesError {
    KubernetesError(.badAccess, message)
}

extension JSON {
    /// Every scalar as its text: a token of digits only must not become a number.
    fileprivate init(plain node: Node) {
        switch node {
        case .scalar(let scalar): self = node.null == nil ? .string(scalar.string) : .null
        case .sequence(let sequence): self = .array(sequence.map(JSON.init(plain:)))
        case .mapping(let mapping):
            let members = mapping.compactMap { key, value in key.string.map { ($0, JSON(plain: value)) } }
            self = .object(Dictionary(members) { first, _ in first })
        case .alias: self = .null
        }
    }
}
