import FoundationEssentials

/// An image in the registry that this server runs.
struct StoredImage: Sendable, Equatable {
    /// `pipeline/image`
    var repository: String
    /// `sha256:…`
    var digest: String
    var pushed: Date
}

extension EmbeddedRegistry {
    /// What it has, as its folder says: the registry's own interface lists only names and tags, without times.
    func images() -> [StoredImage] {
        let files = FileManager.default
        func names(_ path: String) -> [String] { (try? files.contentsOfDirectory(atPath: path)) ?? [] }
        let root = "\(folder)/images/docker/registry/v2/repositories"
        var images: [StoredImage] = []
        for pipeline in names(root) {
            for name in names("\(root)/\(pipeline)") {
                let repository = "\(pipeline)/\(name)"
                let revisions = "\(root)/\(repository)/_manifests/revisions/sha256"
                for digits in names(revisions) {
                    // A manifest that was deleted leaves its folder.
                    let link = try? files.attributesOfItem(atPath: "\(revisions)/\(digits)/link")
                    guard let time = link?[.modificationDate] as? Date else { continue }
                    images.append(StoredImage(repository: repository, digest: "sha256:\(digits)", pushed: time))
                }
            }
        }
        return images
    }

    /// Deletes the layers that no image has. Nobody may push meanwhile.
    func collectGarbage(deadline: Duration) async throws {
        let result = try await children.run(
            "docker-registry",
            ["garbage-collect", "\(folder)/config.yml"],
            workingFolder: folder,
            deadline: deadline
        ) { _ in }
        guard result.succeeded else {
            throw StageError(.errored, "registry-garbage", "docker-registry garbage-collect: \(result.ending)")
        }
    }
}
