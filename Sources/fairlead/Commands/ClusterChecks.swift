import FoundationEssentials
import Kubernetes
import Pipelines

/// A pipeline's cluster: whether it answers, what we may do there, and whether its nodes get at the images.
extension CloudChecks {
    func cluster(_ definition: Definition) async -> [Finding] {
        let what = "pipeline \(definition.name): \(definition.deploy.target)"
        do {
            let cluster = try await settings.cluster(of: definition.deploy, client: client, environment: environment)
            defer { cluster.close() }
            var findings = [version(try await cluster.version(), what)]
            findings.append(try await namespace(cluster, definition, what))
            findings.append(try await permissions(cluster, definition, what))
            findings += await pullSecret(cluster, definition)
            return findings
        } catch {
            return [Finding(false, "\(what): \(sentence(error))", mend(error, definition))]
        }
    }

    private func sentence(_ error: any Error) -> String {
        (error as? KubernetesError)?.message ?? (error as? StageError)?.reason.message ?? "\(error)"
    }

    private func mend(_ error: any Error, _ definition: Definition) -> String {
        if let error = error as? StageError {
            switch error.reason.code {
            case "digitalocean-forbidden":
                return "make a token that has kubernetes:read and kubernetes:access_cluster too, under API → Tokens"
            case "digitalocean-notFound":
                return "correct deploy: { digitalocean: { cluster: … } }; doctl kubernetes cluster list shows the names"
            case "no-digitalocean-token":
                return "write digitalocean: { token: { env: DIGITALOCEAN_TOKEN } } in fairlead.yaml"
            default: return "see what is said of DigitalOcean above"
            }
        }
        switch (error as? KubernetesError)?.code {
        case .badAccess?:
            return "correct the kubeconfig; one with a token of its own: kubectl config view --minify --flatten"
        case .unauthorized?:
            return "put new credentials into the kubeconfig: kubectl create token fairlead --duration=8760h"
        case .wrongCA?, .tls?:
            return "take server and certificate-authority-data from a new kubeconfig of this cluster"
        case .unreachable?, .timeout?:
            return "see whether it runs, and whether this machine gets there: curl -ksS SERVER/version"
        case .notKubernetes?: return "correct `server:` in the kubeconfig: kubectl cluster-info shows the address"
        default: return "check `deploy:` and the credentials that it names"
        }
    }

    /// Server-side apply is stable from 1.22 on.
    private func version(_ version: ClusterVersion, _ what: String) -> Finding {
        let isOld = version.major == 1 && version.minor < 22
        return Finding(
            !isOld,
            "\(what) answers, \(version.name)" + (isOld ? ": too old for server-side apply" : ""),
            "upgrade the cluster to 1.22 or later"
        )
    }

    private func namespace(_ cluster: Cluster, _ definition: Definition, _ what: String) async throws -> Finding {
        let name = definition.deploy.namespace
        do {
            guard let namespace = try await cluster.get(ObjectID(apiVersion: "v1", kind: "Namespace", name: name))
            else {
                return Finding(false, "\(what) has no namespace \(name)", "kubectl create namespace \(name)")
            }
            return podSecurity(namespace, what)
        } catch let error as KubernetesError where error.code == .forbidden {
            return Finding(
                .warning,
                "\(what): namespace \(name) may not be looked at, so what its pods may ask for is not known",
                "look yourself: kubectl get namespace \(name) --show-labels; or allow `get` of namespaces in its Role, as "
                    + "deploy/fairlead/target-namespace/role.yaml does"
            )
        }
    }

    /// Which pods the namespace admits. https://kubernetes.io/docs/concepts/security/pod-security-admission/
    private func podSecurity(_ namespace: JSON, _ what: String) -> Finding {
        let (label, name) = ("pod-security.kubernetes.io/enforce", namespace.name)
        let level = namespace.labels[label]
        if let level, level != "privileged" {
            return Finding(true, "\(what): namespace \(name) admits \(level) pods only", "")
        }
        return Finding(
            .warning,
            "\(what): namespace \(name) admits pods that ask for host paths and privileges: "
                + (level == nil ? "it has no label \(label)" : "its label \(label) is privileged"),
            "kubectl label namespace \(name) \(label)=baseline" + (level == nil ? "" : " --overwrite")
        )
    }

    /// What a deploy asks of the API for an ordinary service.
    private static let kinds: [(group: String, resources: [String])] = [
        ("", ["configmaps", "secrets", "services", "serviceaccounts"]), ("apps", ["deployments"]), ("batch", ["jobs"]),
    ]

    private func permissions(_ cluster: Cluster, _ definition: Definition, _ what: String) async throws -> Finding {
        let namespace = definition.deploy.namespace
        // What is taken from others by force is given back in their names, by PUT.
        let verbs = ["get", "list", "watch", "create", "patch", "delete"] + (definition.deploy.force ? ["update"] : [])
        var questions = Self.kinds.flatMap { kind in
            kind.resources.flatMap { resource in
                verbs.map { AccessQuestion($0, group: kind.group, resource: resource, namespace: namespace) }
            }
        }
        for kind in settings.kubernetes.allow.compactMap({ GroupKind($0[...]) }) {
            // Kinds that the cluster does not have yet a pipeline may bring along.
            guard let resource = try? await cluster.resource(group: kind.group, kind: kind.kind) else { continue }
            questions += verbs.map {
                AccessQuestion(
                    $0,
                    group: kind.group,
                    resource: resource.plural,
                    namespace: resource.isNamespaced ? namespace : nil
                )
            }
        }
        questions += [("get", "pods"), ("list", "pods"), ("watch", "pods"), ("list", "events")].map {
            AccessQuestion($0.0, resource: $0.1, namespace: namespace)
        }
        questions += ["list", "watch"].map {
            AccessQuestion($0, group: "apps", resource: "replicasets", namespace: namespace)
        }
        questions.append(AccessQuestion("get", resource: "pods", subresource: "log", namespace: namespace))
        let methods = Set(definition.smokeTest.filter { $0.address.hasPrefix("service://") }.map(\.method))
        questions += methods.map {
            AccessQuestion($0.verb, resource: "services", subresource: "proxy", namespace: namespace)
        }
        let refused = try await cluster.may(questions).filter { !$0.value }.map(\.key.words).sorted()
        return Finding(
            refused.isEmpty,
            refused.isEmpty
                ? "\(what): all that a deploy does in namespace \(namespace) is allowed"
                : "\(what): in namespace \(namespace) it may not \(refused.joined(separator: ", "))",
            "kubectl apply --namespace \(namespace) --filename deploy/fairlead/target-namespace/role.yaml, or bind a Role "
                + "with these verbs"
        )
    }

    private func pullSecret(_ cluster: Cluster, _ definition: Definition) async -> [Finding] {
        let what = "pipeline \(definition.name)"
        do {
            let state = try await settings.pullSecret(of: definition, in: cluster, client: client, now: Date())
            switch state {
            case nil: return []
            case .integrated?:
                return [Finding(true, "\(what): the cluster pulls from DigitalOcean's registry by itself", "")]
            case .absent(let id)?:
                return [
                    Finding(true, "\(what): the next deploy makes \(id), with which the namespace pulls images", "")
                ]
            case .lasts(let id, let seconds)?:
                let days = Int(abs(seconds) / 86_400)
                return [
                    Finding(
                        seconds > 0,
                        seconds > 0
                            ? "\(what): \(id) lets the namespace pull images for another \(days) days"
                            : "\(what): \(id) ran out \(days) days ago: pods that move cannot pull their image",
                        "start the server, which renews it, or deploy: fairlead run \(definition.name)"
                    )
                ]
            }
        } catch {
            return [
                Finding(
                    false,
                    "\(what): how its namespace gets at the images is not known: \(sentence(error))",
                    mend(error, definition)
                )
            ]
        }
    }
}

extension AccessQuestion {
    fileprivate var words: String { "\(verb) \(resource)\(subresource.map { "/\($0)" } ?? "")" }
}

extension Definition.SmokeCheck.Method {
    /// What a request through the API server counts as ("Determine the request verb", kubernetes.io).
    fileprivate var verb: String {
        switch self {
        case .get: "get"
        case .post: "create"
        case .put: "update"
        case .patch: "patch"
        case .delete: "delete"
        }
    }
}
