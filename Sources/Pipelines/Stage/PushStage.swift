/// Pushes what was built and keeps each image's digest: from here on an image is known by nothing else.
struct PushStage: Sendable {
    let run: RunInProgress
    let log: any StageLog

    func run(_ built: BuildOutput) async throws -> PushOutput {
        let isReused = built.images.allSatisfy { $0.reference != nil }
        if isReused { return PushOutput(images: try built.images.map(reused)) }
        if let registry = try digitalOceanRegistry { try await registry.waitForGarbageCollection(log: log) }
        // A little before the stage's own, which does not know what it waited for.
        let deadline = Deadline(instant: .now + .seconds(run.needs.limits.pushDeadline * 0.95))
        let images = try await run.loggedIn(readWrite: true, for: run.needs.limits.pushDeadline) { login in
            let pusher = run.pusher(login)
            var images: [PushedImage] = []
            for image in built.images {
                images.append(image.reference == nil ? try await push(image, pusher, deadline) : try reused(image))
            }
            return images
        }
        return PushOutput(images: images)
    }

    private func reused(_ image: BuiltImage) throws -> PushedImage {
        guard let reference = image.reference, let digest = reference.split(separator: "@").last else {
            throw StageError(.errored, "internal", "image \(image.name) has neither an id nor a reference")
        }
        log.line("image \(image.name): in the registry already")
        return PushedImage(
            name: image.name,
            origin: image.origin,
            key: image.key,
            digest: String(digest),
            reference: reference
        )
    }

    private var digitalOceanRegistry: DigitalOceanRegistry? {
        get throws {
            guard case .digitalocean(let name, _) = run.definition.registry else { return nil }
            return DigitalOceanRegistry(name: name, api: try run.needs.digitalOcean())
        }
    }

    private func push(_ image: BuiltImage, _ pusher: ImagePusher, _ deadline: Deadline) async throws -> PushedImage {
        let repository = try run.repository(of: image.name)
        let digest = try await digest(of: image, in: repository, pusher, deadline)
        let reference = "\(repository)@\(digest)"
        log.line("image \(image.name): \(reference)")
        if !image.key.isEmpty {
            try await run.needs.history.recordImage(
                pipeline: run.definition.name,
                name: image.name,
                key: image.key,
                digest: digest,
                reference: reference,
                run: run.id
            )
        }
        return PushedImage(
            name: image.name,
            origin: image.origin,
            key: image.key,
            digest: digest,
            reference: reference
        )
    }

    /// What an earlier push of a run that is run again has left in the registry is enough: the builder may have forgotten the
    /// image since.
    private func digest(
        of image: BuiltImage,
        in repository: String,
        _ pusher: ImagePusher,
        _ deadline: Deadline
    ) async throws -> String {
        guard let id = image.id else {
            throw StageError(.errored, "internal", "image \(image.name) has neither an id nor a reference")
        }
        return try await withBackoff(for: run.needs.limits.retryFor, until: deadline.instant, log: log) {
            if run.record.rerun?.from == .push, let digest = try await pusher.pushed(id, to: repository) {
                log.line("image \(image.name): in the registry already")
                return digest
            }
            do {
                return try await pusher.push(id, to: repository, log: log, deadline: deadline.left)
            } catch let error as StageError {
                let name = "\(run.definition.name)/\(image.name)"
                throw await (try digitalOceanRegistry)?.explain(error, pushingTo: name) ?? error
            }
        }
    }
}

/// What the push stage leaves to the deploy stage.
struct PushOutput: Codable, Sendable {
    var images: [PushedImage]
}
