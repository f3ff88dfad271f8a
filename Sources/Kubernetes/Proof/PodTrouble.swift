/// Why one container, or one pod as a whole, does not run.
public struct PodTrouble: Sendable, Hashable {
    public var pod: String
    /// Nil if it is the pod's: it was not scheduled, or it was evicted.
    public var container: String?
    /// `CrashLoopBackOff`, `ImagePullBackOff`, `OOMKilled`, `Unschedulable`, …
    public var reason: String
    public var exitCode: Int64?
    /// The signal that ended it, if one did.
    public var signal: Int64?
    public var message: String
    public var restarts: Int64 = 0
    /// Whether the log of the container that ran before this one holds what happened.
    public var logIsPrevious = false

    /// `CrashLoopBackOff, exit 1` or `ImagePullBackOff, …`: all but the name and the log.
    public var summary: String {
        var parts = [reason]
        if let exitCode { parts.append("exit \(exitCode)") }
        if let signal { parts.append("signal \(signal)") }
        if !message.isEmpty { parts.append(oneLine(message)) }
        return parts.joined(separator: ", ")
    }

    /// How much it explains: the first that went wrong explains what follows from it.
    var weight: Int {
        switch reason {
        case "OOMKilled": 9
        case "CrashLoopBackOff", "Error", "StartError", "ContainerCannotRun", "RunContainerError": 8
        case "ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull": 7
        case "CreateContainerConfigError", "CreateContainerError": 6
        case "Evicted", "DeadlineExceeded", "NodeLost": 5
        case "Unschedulable": 4
        case "NotReady": 1
        default: 3
        }
    }

    /// Whether an image is not to be had because there is none, or not for us: a registry that is down says nothing of the
    /// kind. Nil if the trouble is another, or the message does not tell. The words are those of containerd, CRI-O and of
    /// registries.
    var isRefusedByRegistry: Bool? {
        switch reason {
        case "InvalidImageName", "ErrImageNeverPull": return true
        case "ErrImagePull": break
        case "ImagePullBackOff":
            // Before 1.32 that is all it says: `Back-off pulling image "x"`.
            guard message.contains(": ") else { return nil }
        default: return nil
        }
        let text = message.lowercased()
        return [
            ": not found", "manifest unknown", "name unknown", "does not exist", "unauthorized", "denied", "forbidden",
            "authorization failed", "authentication required", "no match for platform", "invalid reference format",
        ].contains { text.contains($0) }
    }

    /// Whether waiting does not mend it. A crash may be a start before the database's, so it has to repeat.
    public func isHopeless(restarts limit: Int64) -> Bool {
        switch reason {
        case "CrashLoopBackOff", "OOMKilled", "Error": restarts >= limit
        case "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull": true
        default: false
        }
    }
}

extension PodTrouble {
    /// What explains most; of equals the one in the pod that comes first.
    public static func worst(of pods: [JSON]) -> PodTrouble? {
        let all = pods.sorted { $0.name < $1.name }.flatMap(find)
        return all.enumerated().max { ($0.element.weight, -$0.offset) < ($1.element.weight, -$1.offset) }?.element
    }

    /// All that is wrong with a pod. A pod that is being deleted has no trouble of its own.
    public static func find(in pod: JSON) -> [PodTrouble] {
        guard pod[["metadata", "deletionTimestamp"]] == nil, let status = pod["status"] else { return [] }
        var found: [PodTrouble] = []
        if let scheduled = pod.condition("PodScheduled"), scheduled.status == .isFalse {
            let reason = scheduled.reason.isEmpty ? "Unschedulable" : scheduled.reason
            found.append(PodTrouble(pod: pod.name, reason: reason, message: scheduled.message))
        }
        if status["phase"]?.string == "Failed", let reason = status["reason"]?.string {
            found.append(PodTrouble(pod: pod.name, reason: reason, message: status["message"]?.string ?? ""))
        }
        for list in ["initContainerStatuses", "containerStatuses"] {
            found += (status[list]?.items ?? []).compactMap { container($0, of: pod) }
        }
        return found
    }

    private static func container(_ status: JSON, of pod: JSON) -> PodTrouble? {
        let restarts = status["restartCount"]?.integer ?? 0
        let last = status[["lastState", "terminated"]]
        var trouble = PodTrouble(pod: pod.name, container: status["name"]?.string, reason: "", message: "")
        trouble.restarts = restarts
        if let waiting = status[["state", "waiting"]] {
            let reason = waiting["reason"]?.string ?? ""
            guard !["", "ContainerCreating", "PodInitializing"].contains(reason) else { return nil }
            trouble.reason = reason
            if reason == "CrashLoopBackOff" {
                // Its message only says how long the kubelet waits; how the last one ended says more.
                trouble.ended(by: last)
                trouble.logIsPrevious = true
            } else {
                trouble.message = waiting["message"]?.string ?? ""
            }
            return trouble
        }
        if let ended = status[["state", "terminated"]], ended["exitCode"]?.integer ?? 0 != 0 {
            trouble.reason = ended["reason"]?.string ?? "Error"
            trouble.ended(by: ended)
            trouble.nameTheLoop()
            return trouble
        }
        guard restarts > 0, let last, last["exitCode"]?.integer ?? 0 != 0, status["ready"]?.bool == false else {
            return nil
        }
        trouble.reason = last["reason"]?.string ?? "Error"
        trouble.ended(by: last)
        trouble.nameTheLoop()
        trouble.logIsPrevious = true
        return trouble
    }

    /// A container that ends again and again shows `Error` for the moment before the kubelet waits: it is the same loop.
    private mutating func nameTheLoop() {
        if reason == "Error", restarts > 0 { reason = "CrashLoopBackOff" }
    }

    private mutating func ended(by state: JSON?) {
        guard let state else { return }
        exitCode = state["exitCode"]?.integer
        signal = state["signal"]?.integer.flatMap { $0 == 0 ? nil : $0 }
        if state["reason"]?.string == "OOMKilled" { reason = "OOMKilled" }
        message = state["message"]?.string ?? ""
    }
}
