import FoundationEssentials
import Kubernetes

/// Makes of a revision's manifests what is applied: checked against what the pipeline may touch, with the pipeline's
/// secrets, and with images pinned to the digests that were pushed.
struct ClusterRendering: Sendable {
    let definition: Definition
    let rules: ServerSettings.KubernetesRules
    let cluster: Cluster

    private var deploy: Definition.Deploy { definition.deploy }

    /// - Parameter written: the manifests as they are in the revision.
    /// - Throws: `StageError` (failed, `manifest-…`) with everything that is wrong.
    func release(
        _ written: RepositoryManifests,
        _ revision: RevisionToRender
    ) async throws -> (release: ClusterRelease, warnings: [String]) {
        var manifests = written.objects
        if !revision.secrets.isEmpty { manifests.append(secret(revision.secrets)) }
        let checked = try await check(manifests + (written.before.map { [$0] } ?? []))
        let pinned = try pins(revision.images).pin(checked)
        var all = pinned.manifests
        let before = written.before == nil ? nil : all.removeLast()
        let release = ClusterRelease(
            namespace: deploy.namespace,
            manifests: all,
            uses: pinned.uses,
            before: before
        )
        return (release, pinned.unused.map { "image \($0) was built, but no manifest names it" })
    }

    /// - Throws: `StageError` (failed, `manifest-…`) if the pipeline may not touch what a recorded release holds.
    func admit(_ release: ClusterRelease) async throws {
        _ = try await check(release.manifests + (release.before.map { [$0] } ?? []))
    }

    private func check(_ manifests: [Manifest]) async throws -> [Manifest] {
        let scopes = try await scopes(of: manifests)
        guard let kinds = KindList(KindList.standard.patterns + rules.allow) else {
            throw StageError(.errored, "settings", "kubernetes.allow in fairlead.yaml holds what is no kind")
        }
        let rules = ManifestRules(namespace: deploy.namespace, kinds: kinds) { scopes[$0.groupKind] }
        let (good, faults) = rules.check(manifests)
        guard let first = faults.first else { return good }
        throw StageError.manifest("manifest-\(first.code.rawValue)", faults.map(\.description).joined(separator: "\n"))
    }

    /// Which of the kinds live in a namespace, as far as the cluster knows them.
    private func scopes(of manifests: [Manifest]) async throws -> [GroupKind: Bool] {
        var scopes: [GroupKind: Bool] = [:]
        for id in manifests.map(\.id) where scopes[id.groupKind] == nil {
            do {
                scopes[id.groupKind] = try await cluster.resource(apiVersion: id.apiVersion, kind: id.kind).isNamespaced
            } catch let error as KubernetesError where error.code == .unknownKind {
                continue
            }
        }
        return scopes
    }

    static func secretName(of definition: Definition) -> String { "\(definition.name)-secrets" }

    private func secret(_ secrets: [String: [UInt8]]) -> Manifest {
        let data = secrets.mapValues { JSON.string(Data($0).base64EncodedString()) }
        return Manifest(
            [
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
                "metadata": ["name": .string(Self.secretName(of: definition)), "namespace": .string(deploy.namespace)],
                "data": .object(data),
            ],
            source: "secrets: of pipeline \(definition.name)"
        )
    }

    private func pins(_ images: [PushedImage]) throws -> Kubernetes.ImagePins {
        let paths = try deploy.imagePaths.map { path in
            // A pipeline writes `containers.*.image`; `[*]` is how it is read here.
            let steps = path.path.replacing(".*", with: "[*]")
            guard let path = Kubernetes.ImagePath(kind: path.kind, path: steps) else {
                throw StageError(.failed, "image-path", "imagePaths: \(path.kind) \(path.path) is not a path of fields")
            }
            return path
        }
        let references = Dictionary(images.map { ($0.name, $0.reference) }) { _, last in last }
        return Kubernetes.ImagePins(references, paths: paths)
    }
}
