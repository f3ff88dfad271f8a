/// Whether what runs is what was pushed.
public enum DigestProof: Sendable, Hashable {
    /// Every ready pod runs it; the notes say what could not be asked (a CronJob runs nothing yet).
    case proven(notes: [String])
    /// Not yet; what is missing, in one sentence.
    case pending(String)
    /// No, and waiting does not change it; why, in one sentence.
    case refuted(String)

    /// - Parameters:
    ///   - uses: the pipeline's images and the objects that use them.
    ///   - objects: the live workloads of the release, and all ReplicaSets and pods of its namespaces.
    public init(uses: [ImageUse], workloads: [JSON], replicaSets: [JSON], pods: [JSON]) {
        var notes: [String] = []
        var pending: String?
        let byObject = Dictionary(grouping: uses, by: \.object)
        for (id, uses) in byObject.sorted(by: { $0.key.description < $1.key.description }) {
            guard let live = workloads.first(where: { ObjectPlace($0.id) == ObjectPlace(id) }) else {
                pending = pending ?? "\(id) is not there"
                continue
            }
            let evidence = Evidence(id: id, uses: uses, live: live, replicaSets: replicaSets, pods: pods)
            switch evidence.judge() {
            case .proven(let more): notes += more
            case .pending(let sentence): pending = pending ?? sentence
            case .refuted(let sentence):
                self = .refuted(sentence)
                return
            }
        }
        self = pending.map(DigestProof.pending) ?? .proven(notes: notes)
    }
}

/// What there is to judge one workload by.
private struct Evidence {
    let id: ObjectID
    let uses: [ImageUse]
    let live: JSON
    let replicaSets: [JSON]
    let pods: [JSON]

    func judge() -> DigestProof {
        if let changed = templateChange() { return .refuted(changed) }
        switch (id.group, id.kind) {
        case ("apps", "Deployment"): return deployment()
        case ("apps", "StatefulSet"), ("apps", "DaemonSet"): return updatedInPlace()
        case ("apps", "ReplicaSet"), ("batch", "Job"), ("", "ReplicationController"):
            return running(in: own(live.uid), needsOne: id.kind != "Job" && wantsPods)
        case ("", "Pod"): return running(in: [live], needsOne: false)
        case ("batch", "CronJob"): return .proven(notes: ["\(id) proves nothing until it runs"])
        default: return ofRepository()
        }
    }

    /// Our manifest said which digest; if the live object says another, somebody changed it.
    private func templateChange() -> String? {
        guard let path = PodTemplate.specification(of: id.groupKind), let specification = live[path] else { return nil }
        for use in uses {
            guard let container = use.container else { continue }
            let named = PodTemplate.containerLists.flatMap { specification[$0]?.items ?? [] }
                .first { $0["name"]?.string == container }
            guard let image = named?["image"]?.string else { return "\(id) has lost its container \(container)" }
            if image != use.reference { return "\(id) was changed meanwhile: \(container) is to run \(image) now" }
        }
        return nil
    }

    private func deployment() -> DigestProof {
        let owned = replicaSets.filter { $0.isControlled(by: live.uid) && !$0.isTerminating }
        guard let newest = WorkloadPods(pods: pods, replicaSets: replicaSets).newest(of: live) else {
            return .pending("\(id) has no ReplicaSet of its present template yet")
        }
        for old in owned where old.uid != newest.uid {
            let left = old[["status", "replicas"]]?.integer ?? 0
            if left > 0 { return .pending("\(id): old ReplicaSet \(old.name) still has \(plural(left, "replica"))") }
        }
        return running(in: owned.flatMap { own($0.uid) }, needsOne: wantsPods)
    }

    /// Pods that were there before are replaced one by one, or left to somebody.
    private func updatedInPlace() -> DigestProof {
        let verdict = running(in: own(live.uid), needsOne: wantsPods)
        guard case .pending(let sentence) = verdict else { return verdict }
        let strategy = live[["spec", "updateStrategy"]]
        if strategy?["type"]?.string == "OnDelete" {
            return .refuted(
                "\(sentence); with the update strategy OnDelete it stays so until somebody deletes the pods"
            )
        }
        if let partition = strategy?[["rollingUpdate", "partition"]]?.integer, partition > 0 {
            return .refuted("\(sentence); the partition \(partition) keeps pods below it as they are")
        }
        return verdict
    }

    /// Nobody says which pods are a custom resource's: those that run the image's repository are looked at.
    private func ofRepository() -> DigestProof {
        for use in uses {
            let prefix = use.reference.prefix { $0 != "@" }
            for pod in pods where !pod.isTerminating && pod.isReady {
                let names = PodTemplate.containerLists.flatMap { pod[["spec", $0]]?.items ?? [] }
                    .filter { ($0["image"]?.string).map { $0.prefix { $0 != "@" } == prefix } ?? false }
                    .compactMap { $0["name"]?.string }
                for name in names {
                    if let wrong = mismatch(pod, container: name, use) { return .pending(wrong) }
                }
            }
        }
        return .proven(notes: ["\(id): pods that run its images run the pushed digests, if there are any"])
    }

    private func running(in pods: [JSON], needsOne: Bool) -> DigestProof {
        let counted = pods.filter {
            !$0.isTerminating && ($0.isReady || $0[["status", "phase"]]?.string == "Succeeded")
        }
        if counted.isEmpty && needsOne { return .pending("\(id) has no ready pod yet") }
        for pod in counted {
            for use in uses {
                guard let container = use.container, let wrong = mismatch(pod, container: container, use) else {
                    continue
                }
                // A pod that was told the digest and runs another will not think again.
                return pod.image(of: container) == use.reference && pod.imageID(of: container) != nil
                    ? .refuted(wrong) : .pending(wrong)
            }
        }
        return .proven(notes: [])
    }

    private func mismatch(_ pod: JSON, container: String, _ use: ImageUse) -> String? {
        let wanted = imageDigest(use.reference)
        guard let imageID = pod.imageID(of: container) else {
            return "\(id): pod \(pod.name) does not say what \(container) runs"
        }
        guard imageDigest(imageID) != wanted else { return nil }
        return "\(id): pod \(pod.name) runs \(container) from \(imageID), not the pushed \(wanted)"
    }

    private var wantsPods: Bool {
        if id.kind == "DaemonSet" { return live[["status", "desiredNumberScheduled"]]?.integer ?? 1 > 0 }
        return live[["spec", "replicas"]]?.integer ?? 1 > 0
    }

    private func own(_ uid: String) -> [JSON] { pods.filter { $0.isControlled(by: uid) } }
}

/// The `sha256:…` of an image's name or of a container's `imageID`, which runtimes write as `repository@sha256:…`,
/// `docker-pullable://repository@sha256:…` or `sha256:…` alone.
func imageDigest(_ text: String) -> String {
    String(text.split(separator: "@").last ?? "")
}

extension JSON {
    var created: String { self[["metadata", "creationTimestamp"]]?.string ?? "" }

    func isControlled(by uid: String) -> Bool {
        (self[["metadata", "ownerReferences"]]?.items ?? []).contains {
            $0["uid"]?.string == uid && $0["controller"]?.bool ?? true
        }
    }

    /// Of a pod.
    var isReady: Bool {
        (self[["status", "conditions"]]?.items ?? []).contains {
            $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
        }
    }

    /// What a pod's container was told to run.
    fileprivate func image(of container: String) -> String? {
        PodTemplate.containerLists.flatMap { self[["spec", $0]]?.items ?? [] }
            .first { $0["name"]?.string == container }?["image"]?.string
    }

    /// What it does run.
    fileprivate func imageID(of container: String) -> String? {
        let lists = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"]
        let status = lists.flatMap { self[["status", $0]]?.items ?? [] }.first { $0["name"]?.string == container }
        return status?["imageID"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }
}
