import Kubernetes
import Testing

@Suite struct HealthTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let name: String
        let kind: String
        let object: String
        let health: Health
        init(_ name: String, _ kind: String, _ object: String, _ health: Health) {
            (self.name, self.kind, self.object, self.health) = (name, kind, object, health)
        }
        var testDescription: String { "\(kind): \(name)" }
    }

    static let complete = #"{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}"#
    static let available = #"{"type": "Available", "status": "True"}"#

    static let deployments: [Case] = [
        Case("new", "Deployment.apps/v1", #"{"metadata": {"generation": 1}}"#, .inProgress("waits for its controller")),
        Case(
            "generation behind",
            "Deployment.apps/v1",
            #"{"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]}}"#,
            .inProgress("waits for its controller to see generation 2")
        ),
        Case(
            "deadline exceeded",
            "Deployment.apps/v1",
            #"{"metadata": {"generation": 2}, "status": {"observedGeneration": 2, "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "ReplicaSet \"web-1\" has timed out progressing."}]}}"#,
            .failed(#"ProgressDeadlineExceeded: ReplicaSet "web-1" has timed out progressing."#)
        ),
        Case(
            "not all updated",
            "Deployment.apps/v1",
            #"{"spec": {"replicas": 3}, "status": {"observedGeneration": 0, "replicas": 4, "updatedReplicas": 2, "readyReplicas": 4, "availableReplicas": 4}}"#,
            .inProgress("2 of 3 replicas updated")
        ),
        Case(
            "old ones left",
            "Deployment.apps/v1",
            #"{"spec": {"replicas": 3}, "status": {"observedGeneration": 0, "replicas": 4, "updatedReplicas": 3, "readyReplicas": 4, "availableReplicas": 4}}"#,
            .inProgress("1 old replica still to go")
        ),
        Case(
            "not all available",
            "Deployment.apps/v1",
            #"{"spec": {"replicas": 3}, "status": {"observedGeneration": 0, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 1}}"#,
            .inProgress("1 of 3 updated replicas available")
        ),
        Case(
            "not called complete",
            "Deployment.apps/v1",
            #"{"spec": {"progressDeadlineSeconds": 600}, "status": {"observedGeneration": 0, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "conditions": [\#(available), {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated"}]}}"#,
            .inProgress("waits for its new ReplicaSet to count as available")
        ),
        Case(
            "complete",
            "Deployment.apps/v1",
            #"{"spec": {"progressDeadlineSeconds": 600}, "status": {"observedGeneration": 0, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1, "conditions": [\#(available), \#(complete)]}}"#,
            .current
        ),
        Case(
            "complete without a deadline",
            "Deployment.apps/v1",
            #"{"spec": {"replicas": 0, "progressDeadlineSeconds": 2147483647}, "status": {"observedGeneration": 0, "conditions": [\#(available)]}}"#,
            .current
        ),
        Case(
            "being deleted",
            "Deployment.apps/v1",
            #"{"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}, "status": {"observedGeneration": 0}}"#,
            .terminating
        ),
    ]

    static let sets: [Case] = [
        Case("OnDelete", "StatefulSet.apps/v1", #"{"spec": {"updateStrategy": {"type": "OnDelete"}}}"#, .current),
        Case(
            "not all there",
            "StatefulSet.apps/v1",
            #"{"spec": {"replicas": 3}, "status": {"observedGeneration": 0, "replicas": 2, "readyReplicas": 2}}"#,
            .inProgress("2 of 3 replicas created")
        ),
        Case(
            "revisions differ",
            "StatefulSet.apps/v1",
            #"{"spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 0}}}, "status": {"observedGeneration": 0, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}}"#,
            .inProgress("1 of 3 replicas updated")
        ),
        Case(
            "partition not reached",
            "StatefulSet.apps/v1",
            #"{"spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, "status": {"observedGeneration": 0, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 1, "currentRevision": "a", "updateRevision": "b"}}"#,
            .inProgress("1 of 2 replicas above the partition updated")
        ),
        Case(
            "partition reached",
            "StatefulSet.apps/v1",
            #"{"spec": {"replicas": 3, "updateStrategy": {"rollingUpdate": {"partition": 1}}}, "status": {"observedGeneration": 0, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 2, "currentRevision": "a", "updateRevision": "b"}}"#,
            .current
        ),
        Case(
            "complete",
            "StatefulSet.apps/v1",
            #"{"spec": {"replicas": 1}, "status": {"observedGeneration": 0, "replicas": 1, "readyReplicas": 1, "updatedReplicas": 1, "currentRevision": "b", "updateRevision": "b"}}"#,
            .current
        ),
        Case(
            "not updated",
            "DaemonSet.apps/v1",
            #"{"status": {"observedGeneration": 0, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, "updatedNumberScheduled": 1, "numberAvailable": 3, "numberReady": 3}}"#,
            .inProgress("1 of 3 nodes updated")
        ),
        Case(
            "updated by hand",
            "DaemonSet.apps/v1",
            #"{"spec": {"updateStrategy": {"type": "OnDelete"}}, "status": {"observedGeneration": 0, "desiredNumberScheduled": 3, "currentNumberScheduled": 3, "numberAvailable": 3, "numberReady": 3}}"#,
            .current
        ),
        Case(
            "no node for it",
            "DaemonSet.apps/v1",
            #"{"status": {"observedGeneration": 0, "desiredNumberScheduled": 0, "currentNumberScheduled": 0}}"#,
            .current
        ),
        Case(
            "refused pods",
            "ReplicaSet.apps/v1",
            #"{"spec": {"replicas": 1}, "status": {"observedGeneration": 0, "conditions": [{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods=2"}]}}"#,
            .inProgress("exceeded quota: pods=2")
        ),
        Case(
            "complete",
            "ReplicaSet.apps/v1",
            #"{"spec": {"replicas": 1}, "status": {"observedGeneration": 0, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1}}"#,
            .current
        ),
    ]

    static let others: [Case] = [
        Case("not started", "Job.batch/v1", "{}", .inProgress("waits to be started")),
        Case("suspended", "Job.batch/v1", #"{"spec": {"suspend": true}}"#, .current),
        Case(
            "running",
            "Job.batch/v1",
            #"{"spec": {"completions": 3}, "status": {"startTime": "2026-01-01T00:00:00Z", "active": 1, "failed": 1, "succeeded": 1}}"#,
            .inProgress("1 of 3 completed, 1 running, 1 failed")
        ),
        Case(
            "failed",
            "Job.batch/v1",
            #"{"status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}]}}"#,
            .failed("BackoffLimitExceeded: Job has reached the specified backoff limit")
        ),
        Case(
            "complete",
            "Job.batch/v1",
            #"{"status": {"conditions": [{"type": "Complete", "status": "True"}]}}"#,
            .current
        ),
        Case("there", "CronJob.batch/v1", "{}", .current),
        Case(
            "ready",
            "Pod.v1",
            #"{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}"#,
            .current
        ),
        Case("done", "Pod.v1", #"{"status": {"phase": "Succeeded"}}"#, .current),
        Case(
            "crashing",
            "Pod.v1",
            #"{"status": {"phase": "Running", "containerStatuses": [{"name": "a", "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 1}}}]}}"#,
            .failed("CrashLoopBackOff, exit 1")
        ),
        Case(
            "no room",
            "Pod.v1",
            #"{"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available"}]}}"#,
            .inProgress("Unschedulable, 0/3 nodes are available")
        ),
        Case(
            "pending",
            "PersistentVolumeClaim.v1",
            #"{"status": {"phase": "Pending"}}"#,
            .inProgress("waits to be bound to a volume")
        ),
        Case("bound", "PersistentVolumeClaim.v1", #"{"status": {"phase": "Bound"}}"#, .current),
        Case("lost", "PersistentVolumeClaim.v1", #"{"status": {"phase": "Lost"}}"#, .failed("has lost its volume")),
        Case("of the cluster", "Service.v1", #"{"spec": {"type": "ClusterIP"}}"#, .current),
        Case(
            "no address",
            "Service.v1",
            #"{"spec": {"type": "LoadBalancer"}}"#,
            .inProgress("waits for the load balancer's address")
        ),
        Case(
            "address",
            "Service.v1",
            #"{"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}}"#,
            .current
        ),
        Case("new", "CustomResourceDefinition.apiextensions.k8s.io/v1", "{}", .inProgress("waits to be established")),
        Case(
            "names taken",
            "CustomResourceDefinition.apiextensions.k8s.io/v1",
            #"{"status": {"conditions": [{"type": "NamesAccepted", "status": "False", "message": "\"widgets\" is already in use"}]}}"#,
            .failed(#""widgets" is already in use"#)
        ),
        Case(
            "established",
            "CustomResourceDefinition.apiextensions.k8s.io/v1",
            #"{"status": {"conditions": [{"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": "True"}]}}"#,
            .current
        ),
        Case(
            "no endpoints",
            "APIService.apiregistration.k8s.io/v1",
            #"{"status": {"conditions": [{"type": "Available", "status": "False", "reason": "MissingEndpoints"}]}}"#,
            .inProgress("MissingEndpoints")
        ),
        Case(
            "too few",
            "PodDisruptionBudget.policy/v1",
            #"{"status": {"observedGeneration": 0, "currentHealthy": 1, "desiredHealthy": 2}}"#,
            .inProgress("1 of 2 pods healthy")
        ),
        Case("there", "ConfigMap.v1", "{}", .current),
    ]

    static let custom: [Case] = [
        Case("says nothing", "Widget.example.org/v1", "{}", .current),
        Case(
            "ready",
            "Widget.example.org/v1",
            #"{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}"#,
            .current
        ),
        Case(
            "not ready",
            "Widget.example.org/v1",
            #"{"status": {"conditions": [{"type": "Ready", "status": "False", "reason": "Pending", "message": "issuing"}]}}"#,
            .inProgress("issuing")
        ),
        Case(
            "ready a generation ago",
            "Widget.example.org/v1",
            #"{"metadata": {"generation": 3}, "status": {"conditions": [{"type": "Ready", "status": "True", "observedGeneration": 2}]}}"#,
            .inProgress("Ready does not speak of generation 3 yet")
        ),
        Case(
            "stalled",
            "Widget.example.org/v1",
            #"{"status": {"conditions": [{"type": "Stalled", "status": "True", "reason": "BadSpec"}, {"type": "Reconciling", "status": "True"}]}}"#,
            .failed("BadSpec")
        ),
        Case(
            "reconciling",
            "Widget.example.org/v1",
            #"{"status": {"conditions": [{"type": "Reconciling", "status": "True", "message": "rolling"}, {"type": "Ready", "status": "True"}]}}"#,
            .inProgress("rolling")
        ),
        Case(
            "stalled a generation ago",
            "Widget.example.org/v1",
            #"{"metadata": {"generation": 2}, "status": {"observedGeneration": 1, "conditions": [{"type": "Stalled", "status": "True"}]}}"#,
            .inProgress("waits for its controller to see generation 2")
        ),
    ]

    @Test(arguments: deployments + sets + others + custom)
    func `of every kind by its rule`(_ example: Case) throws {
        let (kind, version) = (example.kind.prefix { $0 != "." }, example.kind.drop { $0 != "." }.dropFirst())
        var object = try parsed(example.object)
        object.set(["kind"], .string(String(kind)))
        object.set(["apiVersion"], .string(String(version)))
        #expect(Health(of: object) == example.health)
    }

    @Test
    func `a verdict that was there before the change does not speak of the change, though the generation was seen`()
        throws
    {
        func object(_ generation: Int64, time: String) throws -> JSON {
            try parsed(
                #"""
                {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"uid": "u", "generation": \#(generation)},
                 "status": {"observedGeneration": \#(generation), "replicas": 1, "updatedReplicas": 0, "conditions": [
                   {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "lastUpdateTime": "\#(time)"}]}}
                """#
            )
        }
        let before = try object(2, time: "2026-01-01T00:10:00Z")
        #expect(
            Health(of: try object(3, time: "2026-01-01T00:10:00Z"), before: before)
                == .inProgress("0 of 1 replicas updated")
        )
        guard case .failed = Health(of: try object(3, time: "2026-01-01T00:30:00Z"), before: before) else {
            Issue.record("a verdict of the new generation counts")
            return
        }
        guard case .failed = Health(of: before, before: before) else {
            Issue.record("nothing was changed, so the verdict stands")
            return
        }
    }
}
