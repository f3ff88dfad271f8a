/// The allow-list of pod fields (Kubernetes API reference, core/v1 PodSpec and Container). What stands in no list is
/// refused: a field that we do not know could give a container the host.
extension FieldRules {
    static let pod = FieldRules(
        read: [
            "initContainers", "containers", "volumes", "securityContext", "terminationGracePeriodSeconds",
            "hostAliases",
            "restartPolicy",
        ],
        harmless: ["automountServiceAccountToken", "enableServiceLinks", "preemptionPolicy"],
        skipped: [
            "affinity", "nodeSelector", "nodeName", "tolerations", "topologySpreadConstraints", "priorityClassName",
            "priority", "serviceAccountName", "serviceAccount", "imagePullSecrets", "readinessGates", "schedulerName",
            "schedulingGates", "setHostnameAsFQDN", "activeDeadlineSeconds", "hostname", "subdomain", "os", "overhead",
            "dnsPolicy", "dnsConfig",
        ],
        onlyAs: [
            "hostNetwork": ["false"], "hostPID": ["false"], "hostIPC": ["false"], "shareProcessNamespace": ["false"],
        ],
        refusals: [
            "hostNetwork": "would share the host's network",
            "hostPID": "would show the host's processes",
            "hostIPC": "would share the host's memory",
            "hostUsers": "decides about the host's users",
            "shareProcessNamespace": "would let containers reach into one another",
            "runtimeClassName": "would choose another container runtime",
        ]
    )

    static let podSecurity = FieldRules(
        read: [
            "runAsUser", "runAsGroup", "runAsNonRoot", "fsGroup", "supplementalGroups", "seccompProfile",
            "appArmorProfile", "sysctls",
        ],
        harmless: ["fsGroupChangePolicy", "supplementalGroupsPolicy"],
        refusals: [
            "seLinuxOptions": "would choose another security label",
            "windowsOptions": "is for another system",
        ]
    )

    static let container = FieldRules(
        read: [
            "name", "image", "imagePullPolicy", "command", "args", "env", "envFrom", "workingDir", "ports",
            "volumeMounts", "resources", "securityContext", "readinessProbe", "startupProbe", "restartPolicy",
        ],
        harmless: ["terminationMessagePath", "terminationMessagePolicy"],
        skipped: ["livenessProbe", "lifecycle", "resizePolicy", "stdin", "stdinOnce", "tty"],
        refusals: ["volumeDevices": "would pass a device of the host"]
    )

    static let containerSecurity = FieldRules(
        read: [
            "runAsUser", "runAsGroup", "runAsNonRoot", "readOnlyRootFilesystem", "allowPrivilegeEscalation",
            "capabilities", "seccompProfile", "appArmorProfile",
        ],
        onlyAs: ["privileged": ["false"], "procMount": ["Default"]],
        refusals: [
            "privileged": "would give the container the host",
            "procMount": "would unmask the host's /proc",
            "seLinuxOptions": "would choose another security label",
            "windowsOptions": "is for another system",
        ]
    )

    static let containerPort = FieldRules(
        read: ["name", "containerPort", "protocol"],
        onlyAs: ["hostPort": ["0"], "hostIP": [""]],
        refusals: [
            "hostPort": "would take a port of the host: use a Service",
            "hostIP": "would take a port of the host: use a Service",
        ]
    )

    static let mount = FieldRules(
        read: ["name", "mountPath", "subPath", "readOnly"],
        harmless: ["recursiveReadOnly"],
        onlyAs: ["mountPropagation": ["None"]],
        refusals: [
            "mountPropagation": "would let mounts reach the host",
            "subPathExpr": "would make a path out of variables",
        ]
    )

    static let probe = FieldRules(
        read: [
            "httpGet", "tcpSocket", "exec", "grpc", "initialDelaySeconds", "periodSeconds", "timeoutSeconds",
            "successThreshold", "failureThreshold",
        ],
        harmless: ["terminationGracePeriodSeconds"]
    )
}
