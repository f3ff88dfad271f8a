import FoundationEssentials
import HTTPClient

/// Deletes old images from the registry that this server runs, and their layers.
///
/// Never deleted is what an environment serves or can be rolled back to, and what a run has yet to deploy. While any
/// run is under way that builds for this registry, nothing is deleted: it may push, or find an image to reuse; and
/// while this works, such runs wait.
struct EmbeddedCleaner: Sendable {
    let registry: EmbeddedRegistry
    let needs: RunDependencies

    /// How long the collection of garbage may keep runs waiting.
    private static let deadline = Duration.seconds(600)

    /// - Returns: how many images were deleted; nil if the registry is in use.
    func clean() async throws -> Int? {
        // Looked at first without anybody waiting: mostly there is nothing to do.
        if try await tooOld().isEmpty { return 0 }
        return try await needs.registryUse.whileUnused(registry.address) {
            let images = try await tooOld()
            for image in images { try await delete(image) }
            if !images.isEmpty { try await registry.collectGarbage(deadline: Self.deadline) }
            return images.count
        }
    }

    private func tooOld() async throws -> [StoredImage] {
        let rules = needs.settings.retention
        let inUse = try await needs.history.digestsInUse(depth: rules.releases)
        let limit = Date(timeIntervalSinceNow: -Double(rules.images.days) * 86_400)
        let repositories = Dictionary(grouping: registry.images(), by: \.repository)
        return repositories.values.flatMap { images in
            images.sorted { $0.pushed > $1.pushed }.enumerated()
                .filter { $0.offset >= rules.images.count || $0.element.pushed < limit }.map(\.element)
        }.filter { !inUse.contains($0.digest) }
    }

    private func delete(_ image: StoredImage) async throws {
        let basic = Data("\(registry.user):\(registry.password)".utf8).base64EncodedString()
        let answer = try await needs.client.send(
            HTTPRequest(
                method: "DELETE",
                url: "http://\(registry.address)/v2/\(image.repository)/manifests/\(image.digest)",
                headers: [("Authorization", "Basic \(basic)")]
            )
        )
        guard answer.status == 202 || answer.status == 404 else {
            throw StageError(
                .errored,
                "registry-busy",
                "the embedded registry answered \(answer.status) when \(image.repository)@\(image.digest) was to be deleted"
            )
        }
    }
}
