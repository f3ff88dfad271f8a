extension RunDependencies {
    /// How long a registry may take to say whether it has an image, before a run is reopened.
    private static let patience = Duration.seconds(5)

    /// The first image that the run has pushed and its registry does not have any more. Nil if it has them all, or does not
    /// say so in time: then the deploy stage asks again, and waits.
    public func missingImage(of id: Int64) async -> String? {
        try? await withDeadline(Self.patience, "asking the registry") {
            guard let record = try await history.record(run: id),
                let definition = try await history.definition(run: id)
            else { return nil }
            let run = RunInProgress(ClaimedRun(run: record, definition: definition, attempts: []), needs: self)
            let pushed = try await run.recorded(.push, as: PushOutput.self)
            if pushed?.images.isEmpty ?? true { return nil }
            return try await run.loggedIn(readWrite: false, for: 60) { login in
                for image in pushed?.images ?? [] where try await !run.pusher(login).exists(image.reference) {
                    return image.reference
                }
                return nil
            }
        }
    }
}
