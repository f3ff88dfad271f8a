extension PodmanTarget {
    /// Takes a release back: the previous one answers again, by its pods if they still run, otherwise by new ones made
    /// from its body; or, after a first deploy, everything that it created is deleted. The pods of the release that is
    /// taken back are removed in any case.
    ///
    /// - Parameter previous: the release to go back to, and what it consists of; nil if there was none.
    /// - Returns: a sentence that says what was done.
    /// - Throws: `StageError` if the previous release does not answer again by the deadline; the pods of the failed one
    ///   are removed by then, unless they are all that there is to answer.
    public func undo(
        environment: String,
        release: Int64,
        to previous: (Int64, ReleaseBody)?,
        log: any StageLog,
        deadline: ContinuousClock.Instant
    ) async throws -> String {
        guard let (number, body) = previous, number != release else {
            try await withdraw(environment, log)
            return "There was no earlier release, so everything that release \(release) created was deleted"
        }
        let deadline = Deadline(instant: deadline)
        let stood = try await putBack(number, body, environment, log, deadline)
        let failed = try await engine.pods(environment: environment).filter { $0.release != number }
        await remove(failed)
        releases.keep([number], in: environment)
        return stood
            ? "Release \(number) answers again: its pods were still running"
            : "Release \(number) answers again: its pods were made again from what was recorded"
    }

    /// - Returns: whether the previous release's pods still stood.
    private func putBack(
        _ release: Int64,
        _ body: ReleaseBody,
        _ environment: String,
        _ log: any StageLog,
        _ deadline: Deadline
    ) async throws -> Bool {
        if let pods = try await standing(release, body, environment) {
            let readiness = Readiness(
                probes: probes,
                trouble: ContainerTrouble(engine: engine, log: log),
                deadline: deadline
            )
            do {
                try await readiness.wait(for: pods, areNew: false)
                log.line("The pods of release \(release) still run and are ready")
                let addresses = pods.map { ($0.name, $0.address) }
                try await switchTo(ReleaseFiles.services(of: body, pods), release, environment, addresses, log)
                return true
            } catch let error as StageError where error.outcome == .failed {
                log.line("The pods of release \(release) do not do any more: \(error.reason.message)")
                await remove(try await engine.pods(environment: environment).filter { $0.release == release })
            }
        }
        log.line("Making the pods of release \(release) again")
        try await bringUp(body, release, environment, runBefore: false, log, deadline)
        return false
    }

    /// The pods of a release with their addresses, if all of them are there and run.
    private func standing(_ release: Int64, _ body: ReleaseBody, _ environment: String) async throws -> [PlayedPod]? {
        let listed = try await engine.pods(environment: environment).filter { $0.release == release && $0.isRunning }
        var pods: [PlayedPod] = []
        for workload in body.deployments {
            for index in 0..<workload.replicas {
                let name = PodName(
                    namespace: body.namespace,
                    workload: workload.name,
                    release: release,
                    suffix: "\(index)"
                )
                guard listed.contains(where: { $0.name == name }) else { return nil }
                pods.append(PlayedPod(name: name, workload: workload, address: ""))
            }
        }
        let containers = try await engine.inspect(pods.flatMap(\.containers))
        for index in pods.indices {
            let own = Set(pods[index].containers)
            guard let address = containers.first(where: { own.contains($0.name) && !$0.address.isEmpty })?.address
            else {
                return nil
            }
            pods[index].address = address
        }
        return pods
    }

    /// Nothing of an environment is left: no port served, no pod, no file.
    private func withdraw(_ environment: String, _ log: any StageLog) async throws {
        // A proxy in trouble is no reason to let pods run.
        var trouble: (any Error)?
        do { try await proxy.serve(environment, [], log: log) } catch { trouble = error }
        await remove(try await engine.pods(environment: environment))
        releases.keep([], in: environment)
        if let trouble { throw trouble }
        log.line("Nothing of \(environment) runs any more")
    }
}
