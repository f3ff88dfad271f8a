/// Pushes what was built and keeps each image's digest: from here on an image is known by nothing else.
struct PushStage: Sendable {
    let run: RunInProgress
    let log: any StageLog

    func run(_ built: BuildOutput) async throws -> PushOutput {
        // A little before the stage's own, which does not know what it waited for.
        let deadline = Deadline(instant: .now + .seconds(run.needs.limits.pushDeadline * 0.95))
        var images: [PushedImage] = []
        for image in built.images {
            images.append(try await push(image, deadline))
        }
        return PushOutput(images: images)
    }

    private func push(_ image: BuiltImage, _ deadline: Deadline) async throws -> PushedImage {
        if let reference = image.reference, let digest = reference.split(separator: "@").last {
            log.line("image \(image.name): in the registry already")
            return PushedImage(
                name: image.name,
                origin: image.origin,
                key: image.key,
                digest: String(digest),
                reference: reference
            )
        }
        guard let id = image.id else {
            throw StageError(.errored, "internal", "image \(image.name) has neither an id nor a reference")
        }
        let repository = try run.repository(of: image.name)
        let pusher = run.pusher
        let digest = try await withBackoff(log: log) {
            try await pusher.push(id, to: repository, log: log, deadline: deadline.left)
        }
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
}

/// What the push stage leaves to the deploy stage.
struct PushOutput: Codable, Sendable {
    var images: [PushedImage]
}
