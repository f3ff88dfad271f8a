import Kubernetes

/// The defaults of a pod's specification.
enum PodDefaults {
    static func spec(_ object: inout JSON, at path: [String], restarts: String?) {
        guard var spec = object[path] else { return }
        if let restarts { spec.fill(["restartPolicy"], .string(restarts)) }
        spec.fill(["dnsPolicy"], "ClusterFirst")
        spec.fill(["schedulerName"], "default-scheduler")
        spec.fill(["securityContext"], [:])
        spec.fill(["terminationGracePeriodSeconds"], 30)
        if let account = spec["serviceAccountName"] { spec.fill(["serviceAccount"], account) }
        for list in ["containers", "initContainers"] { spec.update([list], container) }
        spec.update(["volumes"], volume)
        object.set(path, spec)
    }

    /// In pods, not in their templates: who limits and does not say more asks for as much.
    static func requests(_ container: inout JSON) {
        for (name, value) in container[["resources", "limits"]]?.members ?? [:] {
            container.fill(["resources", "requests", name], value)
        }
    }

    private static func container(_ container: inout JSON) {
        container.fill(["terminationMessagePath"], "/dev/termination-log")
        container.fill(["terminationMessagePolicy"], "File")
        container.fill(["imagePullPolicy"], .string(pullPolicy(container["image"]?.string ?? "")))
        container.fill(["resources"], [:])
        container.update(["ports"]) { $0.fill(["protocol"], "TCP") }
        container.update(["env"]) { variable in
            if variable[["valueFrom", "fieldRef"]] != nil {
                variable.fill(["valueFrom", "fieldRef", "apiVersion"], "v1")
            }
        }
        for probe in ["livenessProbe", "readinessProbe", "startupProbe"] where container[probe] != nil {
            container.fill([probe, "timeoutSeconds"], 1)
            container.fill([probe, "periodSeconds"], 10)
            container.fill([probe, "successThreshold"], 1)
            container.fill([probe, "failureThreshold"], 3)
            guard container[[probe, "httpGet"]] != nil else { continue }
            container.fill([probe, "httpGet", "scheme"], "HTTP")
            container.fill([probe, "httpGet", "path"], "/")
        }
    }

    private static func pullPolicy(_ image: String) -> String {
        if image.contains("@") { return "IfNotPresent" }
        let name = image.split(separator: "/").last ?? ""
        return !name.contains(":") || name.hasSuffix(":latest") ? "Always" : "IfNotPresent"
    }

    private static func volume(_ volume: inout JSON) {
        for source in ["configMap", "secret", "projected", "downwardAPI"] where volume[source] != nil {
            volume.fill([source, "defaultMode"], 420)
        }
        if volume["hostPath"] != nil { volume.fill(["hostPath", "type"], "") }
        if volume.members.count == 1 { volume.set(["emptyDir"], [:]) }
    }
}

/// The defaults of what makes pods.
enum PodTemplates {
    static func workload(_ object: inout JSON, _ live: JSON?) {
        guard object["spec"] != nil else { return }
        PodDefaults.spec(&object, at: ["spec", "template", "spec"], restarts: "Always")
        switch object.kind {
        case "Deployment":
            object.fill(["spec", "replicas"], 1)
            object.fill(["spec", "revisionHistoryLimit"], 10)
            object.fill(["spec", "progressDeadlineSeconds"], 600)
            object.fill(["spec", "strategy", "type"], "RollingUpdate")
            if object[["spec", "strategy", "type"]] == "RollingUpdate" {
                object.fill(["spec", "strategy", "rollingUpdate", "maxSurge"], "25%")
                object.fill(["spec", "strategy", "rollingUpdate", "maxUnavailable"], "25%")
            }
        case "ReplicaSet":
            object.fill(["spec", "replicas"], 1)
        case "StatefulSet": statefulSet(&object)
        case "DaemonSet":
            // Left over from extensions/v1beta1, and still written.
            let key = "deprecated.daemonset.template.generation"
            let number = Int64(live?.annotations[key] ?? "") ?? 0
            let isNew = live?[["spec", "template"]] != object[["spec", "template"]]
            object.set(["metadata", "annotations", key], .string(String(isNew ? number + 1 : number)))
            object.fill(["spec", "revisionHistoryLimit"], 10)
            object.fill(["spec", "updateStrategy", "type"], "RollingUpdate")
            if object[["spec", "updateStrategy", "type"]] == "RollingUpdate" {
                object.fill(["spec", "updateStrategy", "rollingUpdate", "maxSurge"], 0)
                object.fill(["spec", "updateStrategy", "rollingUpdate", "maxUnavailable"], 1)
            }
        default: break
        }
    }

    private static func statefulSet(_ object: inout JSON) {
        object.fill(["spec", "replicas"], 1)
        object.fill(["spec", "revisionHistoryLimit"], 10)
        object.fill(["spec", "podManagementPolicy"], "OrderedReady")
        object.fill(["spec", "serviceName"], "")
        object.fill(["spec", "updateStrategy", "type"], "RollingUpdate")
        if object[["spec", "updateStrategy", "type"]] == "RollingUpdate" {
            object.fill(["spec", "updateStrategy", "rollingUpdate", "partition"], 0)
        }
        object.fill(
            ["spec", "persistentVolumeClaimRetentionPolicy"],
            ["whenDeleted": "Retain", "whenScaled": "Retain"]
        )
        object.update(["spec", "volumeClaimTemplates"]) { claim in
            claim.fill(["apiVersion"], "v1")
            claim.fill(["kind"], "PersistentVolumeClaim")
            claim.fill(["spec", "volumeMode"], "Filesystem")
            claim.fill(["status", "phase"], "Pending")
        }
    }

    static func batch(_ object: inout JSON) {
        guard object["spec"] != nil else { return }
        guard object.kind == "CronJob" else {
            PodDefaults.spec(&object, at: ["spec", "template", "spec"], restarts: nil)
            return job(&object)
        }
        PodDefaults.spec(&object, at: ["spec", "jobTemplate", "spec", "template", "spec"], restarts: nil)
        object.fill(["spec", "jobTemplate", "metadata"], [:])
        object.fill(["spec", "jobTemplate", "spec", "template", "metadata"], [:])
        object.fill(["spec", "concurrencyPolicy"], "Allow")
        object.fill(["spec", "suspend"], false)
        object.fill(["spec", "successfulJobsHistoryLimit"], 3)
        object.fill(["spec", "failedJobsHistoryLimit"], 1)
    }

    private static func job(_ object: inout JSON) {
        if object[["spec", "parallelism"]] == nil { object.fill(["spec", "completions"], 1) }
        object.fill(["spec", "parallelism"], 1)
        object.fill(["spec", "backoffLimit"], 6)
        object.fill(["spec", "completionMode"], "NonIndexed")
        object.fill(["spec", "suspend"], false)
        object.fill(["spec", "manualSelector"], false)
        object.fill(["spec", "podReplacementPolicy"], "TerminatingOrFailed")
    }
}
