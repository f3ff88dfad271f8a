/// What is known of the objects of a release while it becomes ready.
struct HealthState {
    enum Verdict {
        /// All is ready and proven; the notes say what could not be asked.
        case ready(notes: [String])
        /// Only these volume claims are not.
        case onlyClaims([ObjectID])
        case waiting
    }

    private struct Object {
        let id: ObjectID
        let before: JSON?
        var live: JSON
        var health: Health
        /// What was said of it last.
        var told: String?
    }

    private let options: RolloutOptions
    private let uses: [ImageUse]
    private var order: [ObjectPlace] = []
    private var objects: [ObjectPlace: Object] = [:]
    /// Objects that are there no more.
    private var removed: [ObjectPlace: JSON] = [:]
    private var pods: [String: JSON] = [:]
    private var replicaSets: [String: JSON] = [:]
    private var excused: Set<ObjectPlace> = []
    private var news: [String] = []
    private var lastProof: String?
    private var firstSeen: [String: ContinuousClock.Instant] = [:]
    /// Containers whose image a registry has refused, by the last word on it.
    private var refused: Set<String> = []
    /// When to judge again though nothing has happened.
    private(set) var wake: ContinuousClock.Instant?

    init(entries: [JournalEntry], uses: [ImageUse], options: RolloutOptions) {
        self.options = options
        self.uses = uses
        for entry in entries {
            guard let live = entry.after else { continue }
            let place = ObjectPlace(entry.id)
            let health = Health(of: live, before: entry.before)
            order.append(place)
            objects[place] = Object(id: live.id, before: entry.before, live: live, health: health)
            tell(place)
        }
    }

    /// What has to be watched: the kinds that are not ready yet, and pods where images have to be proven.
    var queries: [ObjectQuery] {
        let proven = Set(uses.map { ObjectPlace($0.object) })
        var queries: Set<ObjectQuery> = []
        for place in order {
            guard let object = objects[place], !object.health.isCurrent || proven.contains(place) else { continue }
            let (id, namespace) = (object.id, object.id.namespace)
            queries.insert(ObjectQuery(apiVersion: id.apiVersion, kind: id.kind, namespace: namespace))
            guard PodTemplate.specification(of: id.groupKind) != nil || proven.contains(place) else { continue }
            queries.insert(ObjectQuery(apiVersion: "v1", kind: "Pod", namespace: namespace))
            guard id.groupKind == GroupKind("Deployment", "apps") else { continue }
            queries.insert(ObjectQuery(apiVersion: "apps/v1", kind: "ReplicaSet", namespace: namespace))
        }
        return Array(queries)
    }

    /// One line for each change, once.
    mutating func takeNews() -> [String] {
        defer { news = [] }
        return news
    }

    // MARK: Taking in

    mutating func take(_ change: ObjectChange, _ query: ObjectQuery) {
        switch change {
        case .changed(let object): keep(object)
        case .removed(let object):
            pods[object.uid] = nil
            replicaSets[object.uid] = nil
            remove(ObjectPlace(object.id), object)
        case .listed(let items):
            let kind = GroupKind(query.kind, ObjectID(apiVersion: query.apiVersion, kind: "", name: "").group)
            let there = Set(items.map(\.uid))
            if kind == Self.podKind {
                pods = pods.filter { $0.value.namespace != query.namespace || there.contains($0.key) }
            }
            if kind == Self.replicaSetKind {
                replicaSets = replicaSets.filter { $0.value.namespace != query.namespace || there.contains($0.key) }
            }
            let places = Set(items.map { ObjectPlace($0.id) })
            for (place, object) in objects where place.kind == kind && place.namespace == query.namespace {
                if !places.contains(place) { remove(place, object.live) }
            }
            for item in items { keep(item) }
        }
    }

    private mutating func keep(_ object: JSON) {
        if object.groupKind == Self.podKind {
            pods[object.uid] = object
            for trouble in PodTrouble.find(in: object) { note(trouble) }
        }
        if object.groupKind == Self.replicaSetKind { replicaSets[object.uid] = object }
        let place = ObjectPlace(object.id)
        // A list may be older than the answer to our change.
        guard var known = objects[place], known.live.uid != object.uid || known.live.generation <= object.generation
        else {
            return
        }
        known.live = object
        known.health = Health(of: object, before: known.before)
        objects[place] = known
        removed[place] = nil
        tell(place)
    }

    /// Whether an image is refused; older kubelets do not say it again while they wait for the next try.
    private mutating func note(_ trouble: PodTrouble) {
        switch trouble.isRefusedByRegistry {
        case true?: refused.insert(trouble.key)
        case false?: refused.remove(trouble.key)
        case nil: break
        }
    }

    private mutating func remove(_ place: ObjectPlace, _ object: JSON) {
        guard let known = objects[place], known.live.uid == object.uid else { return }
        removed[place] = object
    }

    private mutating func tell(_ place: ObjectPlace) {
        guard var object = objects[place] else { return }
        let text = object.health.description
        // Of what was ready from the beginning there is nothing to say.
        guard object.told != text, object.told != nil || !object.health.isCurrent else { return }
        object.told = text
        objects[place] = object
        news.append("\(object.id): \(text)")
    }

    static let podKind = GroupKind("Pod")
    static let replicaSetKind = GroupKind("ReplicaSet", "apps")
}

// MARK: - Judging

extension HealthState {
    /// - Throws: ``RolloutFailure`` for what waiting does not mend.
    mutating func judge() throws -> Verdict {
        wake = nil
        let proof = DigestProof(
            uses: uses,
            workloads: order.compactMap { objects[$0]?.live },
            replicaSets: Array(replicaSets.values),
            pods: Array(pods.values)
        )
        if case .refuted(let sentence) = proof { throw RolloutFailure(.digest, sentence, objects: unready) }
        for place in order {
            guard let object = objects[place] else { continue }
            if removed[place] != nil {
                throw RolloutFailure(
                    .unhealthy,
                    "\(object.id) was deleted by somebody meanwhile",
                    objects: [object.live]
                )
            }
            try judge(object)
        }
        let open = order.compactMap { place in excused.contains(place) ? nil : objects[place] }
            .filter { !$0.health.isCurrent }
        if !open.isEmpty {
            let areClaims = open.allSatisfy { $0.id.groupKind == GroupKind("PersistentVolumeClaim") }
            return areClaims ? .onlyClaims(open.map(\.id)) : .waiting
        }
        switch proof {
        case .proven(let notes): return .ready(notes: notes)
        case .pending(let sentence), .refuted(let sentence):
            if lastProof != sentence { news.append("waits for the pushed images: \(sentence)") }
            lastProof = sentence
            return .waiting
        }
    }

    private mutating func judge(_ object: Object) throws {
        if object.health.isCurrent { return }
        let troubles = pods(of: object.live).flatMap(PodTrouble.find)
        for trouble in troubles {
            let isJob = object.id.groupKind == GroupKind("Job", "batch")
            // A Job counts its failures itself.
            guard trouble.isHopeless(restarts: isJob ? .max : options.restarts) else { continue }
            if trouble.isAboutImage, !isOld(trouble) { continue }
            throw RolloutFailure(
                .unhealthy,
                "\(object.id) will not become ready: pod \(trouble.pod): \(trouble.summary)",
                objects: [object.live]
            )
        }
        switch object.health {
        case .failed(let message):
            // Of a pod that crashes there was something to say above, when it has crashed often enough.
            let isPod = object.id.groupKind == Self.podKind && object.live[["status", "phase"]]?.string != "Failed"
            if isPod, !troubles.isEmpty { return }
            throw RolloutFailure(.unhealthy, "\(object.id): \(message)", objects: [object.live])
        case .terminating:
            throw RolloutFailure(.unhealthy, "\(object.id) is being deleted by somebody", objects: [object.live])
        case .inProgress, .current: return
        }
    }

    /// Whether an image could not be pulled for longer than we have patience.
    private mutating func isOld(_ trouble: PodTrouble) -> Bool {
        let key = trouble.key
        let now = ContinuousClock.now
        let patience = refused.contains(key) ? options.pullPatience : options.registryPatience
        let due = (firstSeen[key] ?? now) + patience
        firstSeen[key] = firstSeen[key] ?? now
        if now >= due { return true }
        wake = min(wake ?? due, due)
        return false
    }

    /// The pods of an object's present template: what ails older ones is being replaced.
    private func pods(of object: JSON) -> [JSON] {
        WorkloadPods(pods: Array(pods.values), replicaSets: Array(replicaSets.values)).current(of: object)
    }

    private var unready: [JSON] {
        order.compactMap { objects[$0] }.filter { !$0.health.isCurrent }.map(\.live)
    }

    /// What to say when the time is over: every object that was waited for, up to a handful, and what its status says.
    ///
    /// - Parameter unheard: what the cluster has never told of.
    func deadlineFailure(unheard: Set<ObjectQuery> = []) -> RolloutFailure {
        let open = order.filter { !excused.contains($0) }.compactMap { objects[$0] }.filter { !$0.health.isCurrent }
        let reason: String
        if !open.isEmpty {
            reason = named(open.map { "\($0.id): \($0.health)" })
        } else if !unheard.isEmpty {
            let kinds = Set(unheard.map { "\($0.kind)s" }).sorted().joined(separator: ", ")
            reason =
                "\(named(order.compactMap { objects[$0] }.map { "\($0.id)" })): the cluster has not told of its \(kinds)"
        } else {
            reason = lastProof ?? "the cluster has not been heard of"
        }
        return RolloutFailure(.deadline, "not ready when the time was over: \(reason)", objects: open.map(\.live))
    }

    // MARK: Claims

    /// A claim of a storage class that binds for the first pod is as ready as it can be while no pod mounts it.
    ///
    /// - Returns: whether one of the claims need not be waited for.
    mutating func excuse(_ claims: [ObjectID], _ cluster: Cluster) async -> Bool {
        let before = excused
        // The time must not run out meanwhile.
        var cluster = cluster
        cluster.limits.request = .seconds(5)
        for claim in claims {
            let query = ObjectQuery(
                apiVersion: "v1",
                kind: "Event",
                namespace: claim.namespace,
                fieldSelector: "involvedObject.kind=PersistentVolumeClaim,involvedObject.name=\(claim.name)"
            )
            let events = (try? await cluster.list(query).items) ?? []
            guard events.contains(where: { $0["reason"]?.string == "WaitForFirstConsumer" }) else { continue }
            excused.insert(ObjectPlace(claim))
            news.append("\(claim) will be bound for the first pod that mounts it")
        }
        // The event may come a moment later than the claim.
        if excused == before { wake = .now + .seconds(2) }
        return excused != before
    }
}

extension PodTrouble {
    fileprivate var key: String { "\(pod)/\(container ?? "")" }

    fileprivate var isAboutImage: Bool {
        reason == "ImagePullBackOff" || reason == "InvalidImageName" || reason == "ErrImageNeverPull"
    }
}
