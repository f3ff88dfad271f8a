/// Builds every image of the pipeline, or finds that nothing that goes into it has changed.
struct BuildStage: Sendable {
    let run: RunInProgress
    let log: any StageLog

    func run(_ clone: CloneOutput) async throws -> BuildOutput {
        // No builder and no registry is asked for what others have built.
        if run.definition.images.isEmpty { return BuildOutput(images: []) }
        try await run.checkOut(clone, log: log)
        // A little before the stage's own, which does not know what it waited for.
        let deadline = Deadline(instant: .now + .seconds(run.needs.limits.buildDeadline * 0.95))
        let images = try await run.loggedIn(readWrite: false, for: run.needs.limits.buildDeadline) { login in
            var images: [BuiltImage] = []
            for image in run.definition.images {
                images.append(try await build(image, clone, login, deadline))
            }
            return images
        }
        return BuildOutput(images: images)
    }

    private func build(
        _ image: Definition.Image,
        _ clone: CloneOutput,
        _ login: RegistryLogin,
        _ deadline: Deadline
    ) async throws -> BuiltImage {
        let builder = run.builder(login)
        let folder = run.workspace.folder
        let key = try await builder.key(
            for: image,
            folder: folder,
            contextTree: clone.contextTrees[image.name] ?? clone.tree,
            log: log,
            // What cannot be told in time is built without reuse, which takes its time too.
            deadline: min(.seconds(300), deadline.left / 2)
        )
        let pusher = run.pusher(login)
        if !isFresh, let key,
            let reused = try await withBackoff(
                for: run.needs.limits.retryFor,
                until: deadline.instant,
                log: log,
                { try await reusable(image, key, pusher) }
            )
        {
            log.line("image \(image.name): nothing that goes into it changed; reusing \(reused)")
            return BuiltImage(name: image.name, id: nil, origin: .reused, key: key, reference: reused)
        }
        log.line("image \(image.name): building from \(image.context)")
        let id = try await builder.build(
            image,
            folder: folder,
            commitTime: clone.commitTime,
            log: log,
            deadline: deadline.left,
            fresh: isFresh
        )
        return BuiltImage(name: image.name, id: id, origin: .built, key: key ?? "", reference: nil)
    }

    /// Somebody has run the run again to have everything built anew.
    private var isFresh: Bool { run.record.rerun?.fresh ?? false }

    /// The reference of an image with this key, if the registry still has it.
    private func reusable(
        _ image: Definition.Image,
        _ key: String,
        _ pusher: ImagePusher
    ) async throws -> String? {
        guard let known = try await run.needs.history.image(pipeline: run.definition.name, name: image.name, key: key),
            known.reference.hasPrefix(try run.repository(of: image.name) + "@"),
            try await pusher.exists(known.reference)
        else { return nil }
        return known.reference
    }
}

/// What the build stage leaves to the push stage.
struct BuildOutput: Codable, Sendable {
    var images: [BuiltImage]
}
