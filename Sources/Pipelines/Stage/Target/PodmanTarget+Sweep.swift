extension PodmanTarget {
    /// Brings this machine to what is live: pods of no live release and files of no pod go; pods of live releases that
    /// stand still are started again (after the machine was); the proxy sends requests to them.
    ///
    /// For the start of the server, before runs are claimed: a release in the middle of its deploy is not live.
    ///
    /// - Parameter live: environment → the release that is live in it. An environment that is not in it has none.
    public func sweep(live: [String: Int64]) async throws {
        let all = try await engine.pods()
        let kept = all.filter {
            $0.release != nil && live[$0.environment] == $0.release && $0.label(PodLabel.role) == "serve"
        }
        // One that cannot be started is missing behind the proxy, which is no reason to start nothing.
        for pod in kept where !pod.isRunning {
            try? await engine.start(pod.name, on: try await readyNetwork(of: pod.environment))
        }
        let environments = Set(all.map(\.environment) + proxy.routes.map(\.environment) + releases.environments)
        for environment in environments.sorted() {
            try await point(environment, at: live[environment], kept.filter { $0.environment == environment })
        }
        let names = Set(kept.map(\.name))
        await remove(all.filter { !names.contains($0.name) })
        for environment in environments { releases.keep(Set([live[environment]].compactMap(\.self)), in: environment) }
        for name in SmallFile.names(in: podsFolder) where !names.contains(PodName(known: name)) {
            SmallFile.remove("\(podsFolder)/\(name)")
        }
        try await proxy.ensureRunning()
    }

    /// Pods may have other addresses since they were started again.
    private func point(_ environment: String, at release: Int64?, _ pods: [ListedPod]) async throws {
        guard let release else { return try await proxy.serve(environment, [], log: NoLog()) }
        guard let services = releases.read(environment, release) else { return }
        let containers = try await engine.inspect(pods.flatMap(\.containers))
        let addresses = pods.compactMap { pod -> (PodName, String)? in
            let own = Set(pod.containers)
            let address = containers.first { own.contains($0.name) && !$0.address.isEmpty }?.address
            return address.map { (pod.name, $0) }
        }
        try await switchTo(services, release, environment, addresses, NoLog())
    }

    /// Makes the pods of a live release again if none of them is there: podman's storage was lost, or the database is a
    /// backup that was restored, and knows nothing of those that ran.
    func makeAgain(
        _ release: Int64,
        _ body: ReleaseBody,
        in environment: String,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws {
        let pods = try await engine.pods(environment: environment)
        guard !body.deployments.isEmpty, !pods.contains(where: { $0.release == release }) else { return }
        log.line("No pod of release \(release) of \(environment) is there: making them again")
        try await bringUp(body, release, environment, runBefore: false, log, Deadline(instant: deadline))
    }

    /// Ends and deletes everything: pods, proxy, files. For the end of a demo and of a test.
    public func removeAll() async {
        await proxy.stop()
        if let pods = try? await engine.pods() { await engine.remove(pods.map(\.name), grace: 0) }
        SmallFile.remove(folder)
    }
}

/// For work that belongs to no stage.
private struct NoLog: StageLog {
    func write(_ bytes: [UInt8]) {}
}
