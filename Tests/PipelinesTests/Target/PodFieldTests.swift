import Testing

@testable import Pipelines

@Suite("The allow-list of pod fields")
struct PodFieldTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var pod = ""
        var container = ""
        var field: String
        var testDescription: String { field }
    }

    static let volume = "- { name: v, %@ }"

    static let refused: [Case] = [
        Case(pod: "hostNetwork: true", field: "spec.template.spec.hostNetwork"),
        Case(pod: "hostPID: true", field: "spec.template.spec.hostPID"),
        Case(pod: "hostIPC: true", field: "spec.template.spec.hostIPC"),
        Case(pod: "hostUsers: false", field: "spec.template.spec.hostUsers"),
        Case(pod: "shareProcessNamespace: true", field: "spec.template.spec.shareProcessNamespace"),
        Case(pod: "runtimeClassName: kata", field: "spec.template.spec.runtimeClassName"),
        Case(pod: "ephemeralContainers: [{ name: x }]", field: "spec.template.spec.ephemeralContainers"),
        Case(pod: "resourceClaims: [{ name: gpu }]", field: "spec.template.spec.resourceClaims"),
        Case(pod: "nobodyKnowsThis: 1", field: "spec.template.spec.nobodyKnowsThis"),
        Case(
            pod: "securityContext: { sysctls: [{ name: kernel.shm_rmid_forced, value: '1' }] }",
            field: "spec.template.spec.securityContext.sysctls"
        ),
        Case(
            pod: "securityContext: { seccompProfile: { type: Unconfined } }",
            field: "spec.template.spec.securityContext.seccompProfile"
        ),
        Case(
            pod: "securityContext: { seLinuxOptions: { type: spc_t } }",
            field: "spec.template.spec.securityContext.seLinuxOptions"
        ),
        Case(
            pod: "securityContext: { appArmorProfile: { type: Unconfined } }",
            field: "spec.template.spec.securityContext.appArmorProfile"
        ),
        Case(
            pod: "volumes: [{ name: v, hostPath: { path: /etc } }]",
            field: "spec.template.spec.volumes[0].hostPath"
        ),
        Case(
            pod: "volumes: [{ name: v, emptyDir: {} }, { name: w, persistentVolumeClaim: { claimName: x } }]",
            field: "spec.template.spec.volumes[1].persistentVolumeClaim"
        ),
        Case(pod: "volumes: [{ name: v, nfs: { server: a, path: / } }]", field: "spec.template.spec.volumes[0].nfs"),
        Case(pod: "volumes: [{ name: v, csi: { driver: a } }]", field: "spec.template.spec.volumes[0].csi"),
        Case(
            pod: "volumes: [{ name: v, projected: { sources: [{ serviceAccountToken: { path: t } }] } }]",
            field: "spec.template.spec.volumes[0].projected.sources[0].serviceAccountToken"
        ),
        Case(
            pod: "volumes: [{ name: v, configMap: { name: c, items: [{ key: k, path: ../../etc/x }] } }]",
            field: "spec.template.spec.volumes[0].configMap.items[0].path"
        ),
        Case(
            pod: "volumes: [{ name: v, configMap: { name: c, items: [{ key: k, path: /etc/x }] } }]",
            field: "spec.template.spec.volumes[0].configMap.items[0].path"
        ),
        Case(container: "securityContext: { privileged: true }", field: "containers[0].securityContext.privileged"),
        Case(
            container: "securityContext: { capabilities: { add: [SYS_ADMIN] } }",
            field: "containers[0].securityContext.capabilities.add"
        ),
        Case(
            container: "securityContext: { capabilities: { add: [NET_BIND_SERVICE, all] } }",
            field: "containers[0].securityContext.capabilities.add"
        ),
        Case(container: "securityContext: { procMount: Unmasked }", field: "containers[0].securityContext.procMount"),
        Case(
            container: "securityContext: { seccompProfile: { type: Localhost, localhostProfile: x } }",
            field: "containers[0].securityContext.seccompProfile"
        ),
        Case(container: "securityContext: { invented: true }", field: "containers[0].securityContext.invented"),
        Case(container: "ports: [{ containerPort: 80, hostPort: 80 }]", field: "containers[0].ports[0].hostPort"),
        Case(container: "ports: [{ containerPort: 80, hostIP: 0.0.0.0 }]", field: "containers[0].ports[0].hostIP"),
        Case(
            container: "volumeDevices: [{ name: d, devicePath: /dev/sda }]",
            field: "containers[0].volumeDevices"
        ),
        Case(container: "devices: [/dev/kvm]", field: "containers[0].devices"),
        Case(
            pod: "volumes: [{ name: v, emptyDir: {} }]",
            container: "volumeMounts: [{ name: v, mountPath: /v, subPath: ../../.. }]",
            field: "containers[0].volumeMounts[0].subPath"
        ),
        Case(
            pod: "volumes: [{ name: v, emptyDir: {} }]",
            container: "volumeMounts: [{ name: v, mountPath: /v, subPath: /etc }]",
            field: "containers[0].volumeMounts[0].subPath"
        ),
        Case(
            pod: "volumes: [{ name: v, emptyDir: {} }]",
            container: "volumeMounts: [{ name: v, mountPath: /v, subPathExpr: $(X) }]",
            field: "containers[0].volumeMounts[0].subPathExpr"
        ),
        Case(
            pod: "volumes: [{ name: v, emptyDir: {} }]",
            container: "volumeMounts: [{ name: v, mountPath: /v, mountPropagation: Bidirectional }]",
            field: "containers[0].volumeMounts[0].mountPropagation"
        ),
        // A link made in the outer one would lead the inner one's mount out to the host.
        Case(
            pod: "volumes: [{ name: v, emptyDir: {} }]",
            container: "volumeMounts: [{ name: v, mountPath: /v }, { name: v, mountPath: /w, subPath: in }]",
            field: "spec.template.spec.volumes"
        ),
        Case(
            pod: "volumes: [{ name: v, emptyDir: {} }]",
            container:
                "volumeMounts: [{ name: v, mountPath: /v, subPath: a/b }, { name: v, mountPath: /w, subPath: a }]",
            field: "spec.template.spec.volumes"
        ),
        Case(
            container: "readinessProbe: { httpGet: { port: 80, host: 169.254.169.254 } }",
            field: "containers[0].readinessProbe.httpGet.host"
        ),
        Case(
            container: "readinessProbe: { tcpSocket: { port: 80, host: 10.0.0.1 } }",
            field: "containers[0].readinessProbe.tcpSocket.host"
        ),
        Case(
            container: "env: [{ name: X, valueFrom: { resourceFieldRef: { resource: limits.cpu } } }]",
            field: "containers[0].env[0].valueFrom.resourceFieldRef"
        ),
    ]

    @Test("what would give a pod more than it may have is refused, with file, object and field", arguments: refused)
    func refuse(_ field: Case) throws {
        let config = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { k: v }\n"
        let text = ManifestSample.deployment(pod: field.pod, container: field.container) + config
        let error = try #require(refusal(text))
        #expect(error.outcome == .failed)
        #expect(error.reason.code == "pod-field-not-allowed")
        #expect(error.reason.message.contains("\(field.field) is not allowed"), "\(error.reason.message)")
        #expect(error.reason.message.hasPrefix("deploy/app.yaml:"), "\(error.reason.message)")
        #expect(error.reason.message.contains("Deployment web"))
    }

    @Test(
        "images that are not in a registry are refused",
        arguments: [
            "localhost/other:1", "/var/lib/image.tar", "./image", "oci:/tmp/x", "docker-archive:/tmp/x.tar",
            "dir:/tmp/x",
            "docker://redis", "Redis", "redis:", "redis@sha256:12", "a b", "--privileged",
            "redis:7\\n",
        ]
    )
    func localImages(name: String) throws {
        let error = try #require(refusal(ManifestSample.deployment(image: "\"\(name)\"")))
        #expect(error.reason.code == "pod-field-not-allowed")
        #expect(error.reason.message.contains("containers[0].image"))
    }

    @Test(
        "fields that say what is so anyway pass",
        arguments: [
            ("hostNetwork: false\nhostPID: false\nhostIPC: false\nshareProcessNamespace: false", ""),
            ("securityContext: { seccompProfile: { type: RuntimeDefault }, runAsNonRoot: true, runAsUser: 1000 }", ""),
            ("", "securityContext: { privileged: false, procMount: Default, allowPrivilegeEscalation: true }"),
            ("", "securityContext: { capabilities: { drop: [ALL], add: [NET_BIND_SERVICE] } }"),
            ("", "ports: [{ containerPort: 80, hostPort: 0 }]"),
            ("hostAliases: [{ ip: 192.0.2.1, hostnames: [db.example] }]", "resources: { requests: { cpu: 1 } }"),
            ("hostNetwork: null", "livenessProbe: null"),
        ]
    )
    func harmless(pod: String, container: String) throws {
        let (_, warnings) = try render(ManifestSample.deployment(pod: pod, container: container))
        #expect(warnings == [])
    }

    @Test(
        "what only a cluster can honour is named in a warning",
        arguments: [
            ("affinity: {}", "", "spec.template.spec.affinity"),
            ("topologySpreadConstraints: []", "", "spec.template.spec.topologySpreadConstraints"),
            ("serviceAccountName: web", "", "spec.template.spec.serviceAccountName"),
            ("tolerations: []", "", "spec.template.spec.tolerations"),
            ("", "livenessProbe: { httpGet: { port: 80 } }", "containers[0].livenessProbe"),
            ("", "lifecycle: { preStop: { exec: { command: [x] } } }", "containers[0].lifecycle"),
            ("", "resources: { limits: { nvidia.com/gpu: 1 } }", "containers[0].resources.limits.nvidia.com/gpu"),
            ("", "ports: [{ containerPort: 53, protocol: UDP }]", "containers[0].ports[0].protocol"),
            (
                "volumes: [{ name: v, emptyDir: { medium: Memory } }]", "",
                "spec.template.spec.volumes[0].emptyDir.medium"
            ),
        ]
    )
    func warned(pod: String, container: String, field: String) throws {
        let (body, warnings) = try render(ManifestSample.deployment(pod: pod, container: container))
        #expect(warnings.count == 1)
        #expect(warnings.first?.contains(field) == true, "\(warnings)")
        #expect(warnings.first?.contains("is not honoured by the podman target") == true)
        #expect(body.deployments.count == 1)
    }
}
