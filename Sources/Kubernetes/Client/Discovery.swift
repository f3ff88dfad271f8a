/// The kinds of a cluster, asked for once and kept.
actor Discovery {
    private let fetching = OneAtATime<Catalogue>()
    private var known: (catalogue: Catalogue, at: ContinuousClock.Instant)?

    /// What is known, if it is not older than this; nil for any age.
    func catalogue(
        notOlderThan age: Duration? = nil,
        _ fetch: @escaping @Sendable () async throws -> Catalogue
    ) async throws -> Catalogue {
        if let known, age.map({ .now - known.at <= $0 }) ?? true { return known.catalogue }
        return try await fetching.run {
            let catalogue = try await fetch()
            // Before anybody is told, or who comes meanwhile would ask once more.
            await self.keep(catalogue)
            return catalogue
        }
    }

    private func keep(_ catalogue: Catalogue) { known = (catalogue, .now) }
}

extension Cluster {
    /// What the cluster calls the objects of a kind. An unknown one is looked for again, at most once in
    /// ``ClusterLimits/discoveryInterval``.
    ///
    /// - Throws: ``KubernetesError`` with code `unknownKind`, or `serverError` if the kind's group is served by a program
    ///   that does not answer now.
    public func resource(apiVersion: String, kind: String) async throws -> APIResource {
        if let resource = try await catalogue()[apiVersion, kind] { return resource }
        let catalogue = try await catalogue(notOlderThan: limits.discoveryInterval)
        if let resource = catalogue[apiVersion, kind] { return resource }
        throw catalogue.error(apiVersion: apiVersion, kind: kind)
    }

    /// The same in the version that the cluster prefers.
    public func resource(group: String, kind: String) async throws -> APIResource {
        if let resource = try await catalogue().preferred(group: group, kind: kind) { return resource }
        let catalogue = try await catalogue(notOlderThan: limits.discoveryInterval)
        if let resource = catalogue.preferred(group: group, kind: kind) { return resource }
        throw catalogue.error(apiVersion: group.isEmpty ? "v1" : group, kind: kind)
    }

    /// All that the cluster has, subresources apart.
    public func resources() async throws -> [APIResource] {
        Array(try await catalogue().resources.values)
    }

    /// Asks for the kinds again: after a definition of new ones was established.
    public func refreshResources() async throws {
        _ = try await catalogue(notOlderThan: .zero)
    }

    private func catalogue(notOlderThan age: Duration? = nil) async throws -> Catalogue {
        do {
            return try await connection.discovery.catalogue(notOlderThan: age) { try await fetchCatalogue() }
        } catch is CancellationError {
            throw KubernetesError(.cancelled, "the cluster's kinds: cancelled")
        }
    }

    /// The core's kinds and all groups' in one document each (Kubernetes 1.26 and later), or else group by group.
    private func fetchCatalogue() async throws -> Catalogue {
        async let core = roots("/api")
        async let groups = roots("/apis")
        var catalogue = Catalogue()
        var unread: [String] = []
        for document in try await [core, groups] {
            if document.kind == "APIGroupDiscoveryList" {
                catalogue.add(aggregated: document)
            } else {
                unread += catalogue.add(roots: document)
            }
        }
        let answers = await withTaskGroup(of: (String, Result<JSON, any Error>).self) { group in
            for apiVersion in unread {
                group.addTask { (apiVersion, await kinds(of: apiVersion)) }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        for (apiVersion, answer) in answers {
            switch answer {
            case .success(let document): catalogue.add(list: document, of: apiVersion)
            case .failure(let error): catalogue.unavailable[apiVersion] = "\(error)"
            }
        }
        return catalogue
    }

    private func roots(_ path: String) async throws -> JSON {
        let versions = ["v2", "v2beta1"].map {
            "application/json;g=apidiscovery.k8s.io;v=\($0);as=APIGroupDiscoveryList"
        }
        let accept = (versions + ["application/json"]).joined(separator: ",")
        return try await json(APICall(subject: "the cluster's kinds", path: path, accept: accept))
    }

    /// The server behind one group may be down for long: the others do not wait for it until the end.
    private func kinds(of apiVersion: String) async -> Result<JSON, any Error> {
        let path = (apiVersion.contains("/") ? "/apis/" : "/api/") + apiVersion
        do {
            var once = self
            once.limits.request = min(limits.request, .seconds(10))
            return .success(try await once.json(APICall(subject: "the kinds of \(apiVersion)", path: path)))
        } catch {
            return .failure(error)
        }
    }
}
