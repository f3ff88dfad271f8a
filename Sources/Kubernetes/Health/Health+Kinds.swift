extension Health {
    static func job(_ object: JSON) -> Health {
        if let failed = object.condition("Failed"), failed.status == .isTrue {
            return .failed(
                [failed.reason, failed.message].filter { !$0.isEmpty }.map { oneLine($0) }.joined(separator: ": ")
            )
        }
        if object.condition("Complete")?.status == .isTrue { return .current }
        // It was asked to wait, so it is as it was asked to be.
        if object[["spec", "suspend"]]?.bool == true { return .current }
        guard object[["status", "startTime"]] != nil else { return .inProgress("waits to be started") }
        let wanted = object[["spec", "completions"]]?.integer ?? object[["spec", "parallelism"]]?.integer ?? 1
        let status = object["status"]
        let (active, failed) = (status?["active"]?.integer ?? 0, status?["failed"]?.integer ?? 0)
        let succeeded = status?["succeeded"]?.integer ?? 0
        return .inProgress("\(succeeded) of \(wanted) completed, \(active) running, \(failed) failed")
    }

    static func pod(_ object: JSON) -> Health {
        switch object[["status", "phase"]]?.string {
        case "Succeeded": return .current
        case "Failed":
            let reason = object[["status", "message"]]?.string ?? object[["status", "reason"]]?.string
            return .failed(PodTrouble.worst(of: [object])?.summary ?? oneLine(reason ?? "its containers failed"))
        default: break
        }
        if object.condition("Ready")?.status == .isTrue { return .current }
        if let trouble = PodTrouble.worst(of: [object]) {
            return trouble.reason == "CrashLoopBackOff" ? .failed(trouble.summary) : .inProgress(trouble.summary)
        }
        return .inProgress(object[["status", "phase"]]?.string == "Running" ? "is not ready yet" : "is being started")
    }

    static func volumeClaim(_ object: JSON) -> Health {
        switch object[["status", "phase"]]?.string {
        case "Bound": .current
        case "Lost": .failed("has lost its volume")
        default: .inProgress("waits to be bound to a volume")
        }
    }

    static func service(_ object: JSON) -> Health {
        guard object[["spec", "type"]]?.string == "LoadBalancer" else { return .current }
        let addresses = object[["status", "loadBalancer", "ingress"]]?.items ?? []
        return addresses.isEmpty ? .inProgress("waits for the load balancer's address") : .current
    }

    static func resourceDefinition(_ object: JSON) -> Health {
        if let names = object.condition("NamesAccepted"), names.status == .isFalse { return .failed(names.text) }
        guard let established = object.condition("Established") else { return .inProgress("waits to be established") }
        switch established.status {
        case .isTrue: return .current
        case .isFalse where established.reason != "Installing": return .failed(established.text)
        default: return .inProgress("waits to be established")
        }
    }

    static func apiService(_ object: JSON) -> Health {
        guard let available = object.condition("Available") else { return .inProgress("waits to be available") }
        return available.status == .isTrue ? .current : .inProgress(available.text)
    }

    static func disruptionBudget(_ object: JSON) -> Health {
        guard object[["status", "observedGeneration"]] != nil else { return .inProgress("waits for its controller") }
        let healthy = object[["status", "currentHealthy"]]?.integer ?? 0
        let wanted = object[["status", "desiredHealthy"]]?.integer ?? 0
        return healthy < wanted ? .inProgress("\(healthy) of \(wanted) pods healthy") : .current
    }
}
