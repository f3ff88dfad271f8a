extension Applier {
    /// Runs the Job before the rollout, to its end, and shows what it wrote.
    func run(before step: Step) async throws -> JournalEntry {
        let entry = try await inTime { try await apply(step) }
        let uses = release.uses.filter { $0.object == release.before?.id }.map { use in
            var use = use
            use.object = entry.id
            return use
        }
        log("\(entry.id): waits until it has finished")
        let watch = HealthWatch(cluster: cluster, entries: [entry], uses: uses, options: options, log: log)
        do {
            _ = try await watch.run(until: deadline)
        } catch var failure as RolloutFailure {
            // The deadline may be over; what was written is not lost with it.
            _ = try? await withDeadline(.now + options.diagnosisTime) { await showLog(of: entry) }
            if failure.code == .unhealthy { failure.code = .before }
            throw failure
        }
        await showLog(of: entry)
        return entry
    }

    /// What its pods wrote; nothing of this decides anything.
    private func showLog(of entry: JournalEntry) async {
        guard let job = entry.after, let namespace = job.namespace else { return }
        let query = ObjectQuery(
            apiVersion: "v1",
            kind: "Pod",
            namespace: namespace,
            labelSelector: "job-name=\(job.name)"
        )
        guard let pods = try? await cluster.list(query).items else { return }
        for pod in pods.sorted(by: { $0.created < $1.created }) where pod.isControlled(by: job.uid) {
            for container in pod.containerNames {
                let text = try? await cluster.log(
                    pod: pod.name,
                    namespace: namespace,
                    container: container,
                    tailLines: options.jobLogLines
                )
                let name = container == entry.id.name ? pod.name : "\(pod.name)/\(container)"
                for line in (text ?? "").split(whereSeparator: \.isNewline) { log("\(name) | \(line)") }
            }
        }
    }
}

extension JSON {
    /// Of a pod, in the order in which they run.
    var containerNames: [String] {
        ["initContainers", "containers"].flatMap { self[["spec", $0]]?.items ?? [] }.compactMap { $0["name"]?.string }
    }
}
