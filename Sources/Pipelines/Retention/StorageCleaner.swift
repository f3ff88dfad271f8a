import FoundationEssentials

/// Deletes what nothing needs any more from podman's storage on this machine: images that were built or pulled, and the
/// layers of builds.
///
/// Never deleted is an image that has a container, that an environment serves or can be rolled back to, or that a run
/// has yet to push, nor what one of these is built upon; nor what is younger than `retention.cache` says, because
/// builds begin with it. While any run is under way nothing is deleted; and while this works, runs wait, for some
/// seconds at a time.
struct StorageCleaner: Sendable {
    let podman: Podman
    let needs: RunDependencies

    /// Images that are deleted before runs have their turn again.
    private static let piece = 20
    private static let deadline = Duration.seconds(120)

    /// - Returns: how many images were deleted.
    func clean() async throws -> Int {
        var count = 0
        // Looked at first without anybody waiting: mostly there is nothing to do.
        while try await !unneeded().isEmpty || !BuildScratch.left(in: podman).isEmpty {
            guard let deleted = try await needs.registryUse.whileUnused(RegistryUse.storage, deletePiece) else { break }
            count += deleted
            if deleted < Self.piece { break }
        }
        return count
    }

    private func deletePiece() async throws -> Int {
        // No build is under way: what is left of one has no owner.
        try await podman.sweepBuilds()
        let images = Array(try await unneeded().prefix(Self.piece))
        if images.isEmpty { return 0 }
        // By its id, podman deletes only an image that has one name at most; it must not be forced, or containers go,
        // too.
        for image in images where (image.names ?? []).count > 1 { _ = try await podman.lines(["untag", image.id]) }
        // What it was built upon is judged for itself.
        let (result, _) = try await podman.capture(["rmi", "--no-prune"] + images.map(\.id), deadline: Self.deadline)
        guard result.succeeded else { throw podman.fault("rmi", result) }
        return images.count
    }

    /// Those that may go, each before what it is built upon.
    private func unneeded() async throws -> [StorageImage] {
        let images = try await all()
        let digests = try await needs.history.digestsInUse(depth: needs.settings.retention.releases)
        let ids = try await needs.history.builtImagesInUse()
        var needed: Set<String> = []
        for image in images.values
        where image.containers > 0 || !image.digests.isDisjoint(with: digests) || ids.contains("sha256:\(image.id)")
            || isYoung(image)
        {
            needed.formUnion(image.line(in: images))
        }
        return images.values.filter { !needed.contains($0.id) }
            .map { (image: $0, depth: $0.line(in: images).count) }
            .sorted { ($0.depth, $0.image.id) > ($1.depth, $1.image.id) }.map(\.image)
    }

    /// When it came here: that an image was created means little, the time is the commit's.
    private func isYoung(_ image: StorageImage) -> Bool {
        let folder = "\(podman.folder)/storage/overlay-images/\(image.id)"
        let date = (try? FileManager.default.attributesOfItem(atPath: folder))?[.modificationDate] as? Date
        guard let date else { return true }
        return date > Date(timeIntervalSinceNow: -Double(needs.settings.retention.cache) * 86_400)
    }

    private func all() async throws -> [String: StorageImage] {
        let (result, output) = try await podman.capture(
            ["images", "--all", "--no-trunc", "--format", "json"],
            deadline: Self.deadline
        )
        guard result.succeeded else { throw podman.fault("images", result) }
        let images = try JSONDecoder().decode([StorageImage].self, from: Data(output))
        // An image with several names is in the list several times.
        return Dictionary(images.map { ($0.id, $0) }) { first, _ in first }
    }
}
