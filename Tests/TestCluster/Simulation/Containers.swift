import Kubernetes

/// One step in the life of a container.
enum ContainerStep {
    case pull
    case start
    case becomeReady
    case exit(Int64)
    case restart
}

extension Cluster {
    mutating func schedule(_ step: ContainerStep, _ place: Place, _ uid: String, _ name: String, after time: Duration) {
        agenda.after(time) { $0.take(step, place, uid, name) }
    }

    private mutating func take(_ step: ContainerStep, _ place: Place, _ uid: String, _ name: String) {
        guard let pod = store[place], pod.uid == uid, !pod.isBeingDeleted else { return }
        let all = ["initContainers", "containers"].flatMap { pod[["spec", $0]]?.items ?? [] }
        guard let container = all.first(where: { $0["name"]?.string == name }) else { return }
        let behaviour = behaviour(of: container, in: pod)
        switch step {
        case .pull: pull(pod, place, container, behaviour)
        case .start, .restart: start(pod, place, container, behaviour)
        case .becomeReady: change(pod, place, name) { $0.set(["ready"], true) }
        case .exit(let code): exit(pod, place, container, code)
        }
    }

    private mutating func pull(_ pod: JSON, _ place: Place, _ container: JSON, _ behaviour: ImageBehaviour) {
        let image = container["image"]?.string ?? ""
        let name = container["name"]?.string ?? ""
        guard let fault = behaviour.start.pullFault(image) else {
            event(pod, "Normal", "Pulled", "Successfully pulled image \"\(image)\"", from: "kubelet")
            return schedule(.start, place, pod.uid, name, after: .zero)
        }
        let isFirst = pod.containerStatus(name)?[["state", "waiting", "reason"]] == "ContainerCreating"
        let why = "failed to pull and unpack image \"\(image)\": failed to resolve reference \"\(image)\": \(fault)"
        change(pod, place, name) {
            let message = isFirst ? why : "Back-off pulling image \"\(image)\": ErrImagePull: \(why)"
            let reason: JSON = isFirst ? "ErrImagePull" : "ImagePullBackOff"
            $0.set(["state"], ["waiting": ["reason": reason, "message": .string(message)]])
        }
        if isFirst {
            event(pod, "Warning", "Failed", "Failed to pull image \"\(image)\": \(why)", from: "kubelet")
            event(pod, "Warning", "Failed", "Error: ErrImagePull", from: "kubelet")
        } else {
            event(pod, "Normal", "BackOff", "Back-off pulling image \"\(image)\"", from: "kubelet")
        }
        schedule(.pull, place, pod.uid, name, after: isFirst ? .milliseconds(10) : options.second * 10)
    }

    private mutating func start(_ pod: JSON, _ place: Place, _ container: JSON, _ behaviour: ImageBehaviour) {
        let name = container["name"]?.string ?? ""
        let image = container["image"]?.string ?? ""
        let imageID = images.imageID(of: image)
        let isInit = pod[["spec", "initContainers"]]?.items.contains(container) ?? false
        change(pod, place, name) {
            let isAgain = $0[["lastState", "terminated"]] != nil || $0[["state", "terminated"]] != nil
            if let last = $0[["state", "terminated"]] { $0.set(["lastState"], ["terminated": last]) }
            if isAgain { $0.set(["restartCount"], .integer(($0["restartCount"]?.integer ?? 0) + 1)) }
            $0.set(["state"], ["running": ["startedAt": .string(Timestamp.now)]])
            $0.set(["started"], true)
            $0.set(["image"], .string(image))
            $0.set(["imageID"], .string(imageID))
            $0.set(["containerID"], .string("containerd://\(Fingerprint.hex(pod.uid + name))"))
        }
        event(pod, "Normal", "Started", "Started container \(name)", from: "kubelet")
        switch behaviour.start {
        case .exits(let code): schedule(.exit(code), place, pod.uid, name, after: options.readyDelay)
        case _ where isInit: schedule(.exit(0), place, pod.uid, name, after: options.readyDelay)
        case .ready(let delay): schedule(.becomeReady, place, pod.uid, name, after: delay ?? options.readyDelay)
        case .neverReady:
            let why = "Readiness probe failed: HTTP probe failed with statuscode: 503"
            event(pod, "Warning", "Unhealthy", why, from: "kubelet")
        case .cannotBePulled, .registryIsDown, .unschedulable: break
        }
    }

    private mutating func exit(_ pod: JSON, _ place: Place, _ container: JSON, _ code: Int64) {
        let name = container["name"]?.string ?? ""
        let restarts = pod.containerStatus(name)?["restartCount"]?.integer ?? 0
        let policy = pod[["spec", "restartPolicy"]]?.string ?? "Always"
        let inits = pod[["spec", "initContainers"]]?.items ?? []
        let position = inits.firstIndex(of: container)
        let isRestarted = policy == "Always" && (code != 0 || position == nil) || policy == "OnFailure" && code != 0
        let ended: JSON = [
            "exitCode": .integer(code), "reason": code == 0 ? "Completed" : "Error",
            "startedAt": pod.containerStatus(name)?[["state", "running", "startedAt"]] ?? .string(Timestamp.now),
            "finishedAt": .string(Timestamp.now),
        ]
        let isBackingOff = isRestarted && restarts > 0
        let why = "back-off 10s restarting failed container=\(name) pod=\(place.name)_\(place.namespace)(\(pod.uid))"
        change(pod, place, name) {
            $0.set(["ready"], false)
            $0.set(["started"], false)
            $0.set(["state"], ["terminated": ended])
            guard isBackingOff else { return }
            $0.set(["lastState"], ["terminated": ended])
            $0.set(["state"], ["waiting": ["reason": "CrashLoopBackOff", "message": .string(why)]])
        }
        if isBackingOff {
            event(
                pod,
                "Warning",
                "BackOff",
                "Back-off restarting failed container \(name) in pod \(place.name)",
                from: "kubelet"
            )
        }
        // The first start again is at once, the next waits ten seconds, and twice as long each time.
        let wait = options.second * Int(min(300, 10 << max(0, min(restarts - 1, 6))))
        if isRestarted {
            schedule(.restart, place, pod.uid, name, after: restarts == 0 ? .zero : wait)
        } else if code == 0, let position, let pod = store[place] {
            if inits.indices.contains(position + 1) {
                schedule(.pull, place, pod.uid, inits[position + 1]["name"]?.string ?? "", after: .zero)
            } else {
                beginMain(pod, place)
            }
        }
    }

    /// Changes one container's status, and the pod's with it.
    private mutating func change(_ pod: JSON, _ place: Place, _ name: String, _ change: (inout JSON) -> Void) {
        let wasReady = pod.condition("Ready")?["status"] == "True"
        update(place, as: "kubelet") { pod in
            for list in ["initContainerStatuses", "containerStatuses"] {
                pod.update(["status", list]) { if $0["name"]?.string == name { change(&$0) } }
            }
            pod.settle()
        }
        let isReady = store[place]?.condition("Ready")?["status"] == "True"
        if isReady, !wasReady { readySince[pod.uid] = .now }
    }
}

extension ImageBehaviour.Start {
    /// Why an image cannot be pulled, in containerd's words; nil if it can.
    fileprivate func pullFault(_ image: String) -> String? {
        switch self {
        case .cannotBePulled: "\(image): not found"
        case .registryIsDown:
            "failed to do request: Head \"https://\(image.prefix { $0 != "/" })/v2/\": dial tcp 10.0.0.1:443: connect: "
                + "connection refused"
        case .ready, .neverReady, .exits, .unschedulable: nil
        }
    }
}
