/// Collects what there is to know of objects that are not ready: containers, their logs, the cluster's warnings.
struct DiagnosisCollector: Sendable {
    let cluster: Cluster
    /// Lines of a container's log.
    var logLines = 50

    /// - Parameter objects: live, what matters most first.
    /// - Returns: nil if there is nothing to be found.
    func collect(_ objects: [JSON]) async -> Diagnosis? {
        var found: [Diagnosis] = []
        // The same cause mostly ails all of them.
        for object in objects.prefix(5) {
            guard let diagnosis = await collect(object) else { continue }
            found.append(diagnosis)
        }
        guard let first = found.first else { return nil }
        return Diagnosis(sentence: first.sentence, lines: found.flatMap(\.lines))
    }

    private func collect(_ object: JSON) async -> Diagnosis? {
        let namespace = object.namespace
        let hasPods = PodTemplate.specification(of: object.groupKind) != nil
        async let podList = hasPods ? list("v1", "Pod", namespace) : []
        async let setList = hasPods ? list("apps/v1", "ReplicaSet", namespace) : []
        async let eventList = list("v1", "Event", namespace)
        let (allPods, sets, events) = await (podList, setList, eventList)
        let owners = WorkloadPods(pods: allPods, replicaSets: sets)
        let pods = owners.current(of: object).filter { !$0.isTerminating }
        var lines = states(pods)
        let names = Set([object.name] + pods.map(\.name) + (owners.newest(of: object).map { [$0.name] } ?? []))
        let warnings = Diagnosis.warnings(events, about: names)
        lines += warnings.map { "event: \($0)" }
        guard let trouble = PodTrouble.worst(of: pods) else {
            let silent = await quiet(object, pods, warnings)
            lines += silent.lines
            return Diagnosis(sentence: silent.sentence, lines: lines)
        }
        let log = await logs(of: trouble, namespace)
        lines += log.lines
        return Diagnosis(
            sentence: Diagnosis.sentence(workload: object.name, trouble: trouble, log: log.telling),
            lines: lines
        )
    }

    /// Nothing has failed, and yet it is not ready: warnings or a pod that does not say that it is ready.
    private func quiet(_ object: JSON, _ pods: [JSON], _ warnings: [String]) async -> Diagnosis {
        let health = "\(object.name): \(Health(of: object))"
        guard let pod = pods.first(where: { !$0.isReady }), let container = pod.unready else {
            return Diagnosis(sentence: warnings.last.map { "\(health); \($0)" } ?? health, lines: [])
        }
        let trouble = PodTrouble(pod: pod.name, container: container, reason: "not ready", message: warnings.last ?? "")
        let log = await logs(of: trouble, object.namespace)
        let sentence = Diagnosis.sentence(
            workload: object.name,
            trouble: trouble,
            log: warnings.isEmpty ? log.telling : []
        )
        return Diagnosis(sentence: sentence, lines: log.lines)
    }

    private func list(_ apiVersion: String, _ kind: String, _ namespace: String?) async -> [JSON] {
        (try? await cluster.list(ObjectQuery(apiVersion: apiVersion, kind: kind, namespace: namespace)).items) ?? []
    }

    /// The log of the container, and of the one that ran before it.
    private func logs(of trouble: PodTrouble, _ namespace: String?) async -> (lines: [String], telling: [String]) {
        guard let container = trouble.container, let namespace else { return ([], []) }
        async let now = log(trouble.pod, container, namespace, previous: false)
        async let then = log(trouble.pod, container, namespace, previous: true)
        let (present, previous) = await (now, then)
        var lines: [String] = []
        if !previous.isEmpty {
            lines.append("the last \(previous.count) lines of \(trouble.pod)/\(container), the run before:")
            lines += previous.map { "  | \($0)" }
        }
        if !present.isEmpty {
            lines.append("the last \(present.count) lines of \(trouble.pod)/\(container):")
            lines += present.map { "  | \($0)" }
        }
        // What runs now may have been started again and not have come to the point yet.
        let telling = trouble.logIsPrevious && !previous.isEmpty ? previous : present
        return (lines, telling.isEmpty ? previous : telling)
    }

    private func log(_ pod: String, _ container: String, _ namespace: String, previous: Bool) async -> [String] {
        let text = try? await cluster.log(
            pod: pod,
            namespace: namespace,
            container: container,
            previous: previous,
            tailLines: logLines
        )
        return (text ?? "").split(whereSeparator: \.isNewline).suffix(logLines).map(String.init)
    }

    private func states(_ pods: [JSON]) -> [String] {
        pods.sorted { $0.name < $1.name }.flatMap { pod in
            let troubles = PodTrouble.find(in: pod)
            let state = pod[["status", "phase"]]?.string ?? "unknown"
            if troubles.isEmpty { return ["pod \(pod.name): \(state)\(pod.isReady ? ", ready" : ", not ready")"] }
            return troubles.map { trouble in
                let name = trouble.container.map { "\(pod.name)/\($0)" } ?? pod.name
                let restarts = trouble.restarts > 0 ? ", \(plural(trouble.restarts, "restart"))" : ""
                return "pod \(name): \(trouble.summary)\(restarts)"
            }
        }
    }
}

extension JSON {
    /// The first container of a pod that runs and is not ready.
    fileprivate var unready: String? {
        (self[["status", "containerStatuses"]]?.items ?? []).first { $0["ready"]?.bool != true }?["name"]?.string
    }
}
