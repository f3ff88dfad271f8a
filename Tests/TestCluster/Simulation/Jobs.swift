import Kubernetes

extension Cluster {
    /// Runs pods until enough have succeeded or too many have failed.
    mutating func tend(job: JSON, _ place: Place) {
        guard !job.isBeingDeleted else { return }
        if job.condition("Complete") != nil || job.condition("Failed") != nil { return retire(job, place) }
        guard job[["spec", "suspend"]] != true else { return }
        if job[["status", "startTime"]] == nil { begin(job, place) }
        guard let job = store[place] else { return }
        let pods = owned("pods", by: job)
        let succeeded = pods.filter { $0[["status", "phase"]] == "Succeeded" }.count
        let failed = pods.filter { $0[["status", "phase"]] == "Failed" }.count
        let restarts = pods.filter { $0[["spec", "restartPolicy"]] == "OnFailure" }.flatMap {
            $0[["status", "containerStatuses"]]?.items ?? []
        }.reduce(0) { $0 + ($1["restartCount"]?.integer ?? 0) }
        let active = pods.filter(\.isActive)
        let limit = job[["spec", "backoffLimit"]]?.integer ?? 6
        let completions = Int(job[["spec", "completions"]]?.integer ?? 1)
        if succeeded >= completions { return finish(job, place, nil) }
        if failed > Int(limit) || restarts > limit {
            return finish(job, place, ("BackoffLimitExceeded", "Job has reached the specified backoff limit"))
        }
        let wanted = min(Int(job[["spec", "parallelism"]]?.integer ?? 1), completions - succeeded, JSON.mostPods)
        if active.count < wanted {
            if failed == 0 || jobsDue.remove(job.uid + String(failed)) != nil {
                for _ in active.count..<wanted {
                    let name = "\(place.name)-\(NameSuffix.random())"
                    _ = makePod(from: job[["spec", "template"]] ?? [:], for: job, named: name)
                }
            } else if jobsWaiting.insert(job.uid + String(failed)).inserted {
                // Ten seconds after the first failure, twice as long each time.
                let wait = options.second * Int(min(360, 10 << min(failed - 1, 6)))
                agenda.after(wait) { cluster in
                    cluster.jobsDue.insert(job.uid + String(failed))
                    cluster.agenda.add(.look(place))
                }
            }
        }
        count(job, place, succeeded: succeeded, failed: failed)
    }

    private mutating func begin(_ job: JSON, _ place: Place) {
        update(place, as: "kube-controller-manager") { $0.set(["status", "startTime"], .string(Timestamp.now)) }
        guard let deadline = job[["spec", "activeDeadlineSeconds"]]?.integer else { return }
        agenda.after(options.seconds(deadline)) { cluster in
            guard let live = cluster.store[place], live.uid == job.uid else { return }
            guard live.condition("Complete") == nil, live.condition("Failed") == nil else { return }
            cluster.finish(live, place, ("DeadlineExceeded", "Job was active longer than specified deadline"))
        }
    }

    private mutating func count(_ job: JSON, _ place: Place, succeeded: Int, failed: Int) {
        let active = owned("pods", by: job).filter(\.isActive)
        update(place, as: "kube-controller-manager") { job in
            let numbers = ["active": active.count, "succeeded": succeeded, "failed": failed]
            for (name, number) in numbers { job.set(["status", name], number == 0 ? .none : .integer(Int64(number))) }
            job.set(["status", "ready"], .integer(Int64(active.filter(\.isReady).count)))
            job.set(["status", "terminating"], 0)
            job.set(["status", "uncountedTerminatedPods"], [:])
        }
    }

    /// - Parameter failure: reason and message; nil where the job is complete.
    private mutating func finish(_ job: JSON, _ place: Place, _ failure: (reason: String, message: String)?) {
        let pods = owned("pods", by: job)
        for pod in pods where pod.isActive { endPod(pod) }
        let succeeded = pods.filter { $0[["status", "phase"]] == "Succeeded" }.count
        let failed =
            pods.filter { $0[["status", "phase"]] == "Failed" }.count
            + (failure == nil ? 0 : pods.filter(\.isActive).count)
        count(job, place, succeeded: succeeded, failed: failed)
        update(place, as: "kube-controller-manager") { job in
            if let failure {
                job.setCondition("FailureTarget", true, failure.reason, failure.message)
                job.setCondition("Failed", true, failure.reason, failure.message)
            } else {
                let message = "Reached expected number of succeeded pods"
                job.setCondition("SuccessCriteriaMet", true, "CompletionsReached", message)
                job.setCondition("Complete", true, "CompletionsReached", message)
                job.set(["status", "completionTime"], .string(Timestamp.now))
            }
        }
        if let failure {
            event(job, "Warning", failure.reason, failure.message, from: "job-controller")
        } else {
            event(job, "Normal", "Completed", "Job completed", from: "job-controller")
        }
    }

    /// Deletes a finished job after its time to live.
    private mutating func retire(_ job: JSON, _ place: Place) {
        guard let life = job[["spec", "ttlSecondsAfterFinished"]]?.integer else { return }
        guard jobsWaiting.insert(job.uid + "ttl").inserted else { return }
        agenda.after(options.seconds(life)) { cluster in
            guard let resource = cluster.resources.find("batch", "v1", "jobs") else { return }
            var options = DeleteOptions()
            options.uid = job.uid
            options.propagation = .foreground
            _ = try? cluster.delete(place, resource, options)
        }
    }
}
