import DigitalOcean

/// What is particular about DigitalOcean's registry: credentials minted for the moment, a plan that holds so many
/// repositories, and a garbage collection during which nothing can be pushed.
struct DigitalOceanRegistry: Sendable {
    let name: String
    let api: DigitalOcean

    /// Between two looks at a garbage collection.
    var pause = Duration.seconds(5)

    func credentials(readWrite: Bool, lifetime: Duration) async throws -> DockerCredentials {
        do {
            return try await api.dockerCredentials(for: name, readWrite: readWrite, lifetime: lifetime)
        } catch {
            throw StageError(error)
        }
    }

    /// Waits while the registry is read-only, and says so. The stage's deadline ends it.
    func waitForGarbageCollection(log: any StageLog) async throws {
        var isFirst = true
        while let running = try await garbageCollection() {
            if isFirst {
                log.line(
                    "The registry \(name) collects garbage (\(running.status)) and takes no push meanwhile: waiting. "
                        + "It can take a quarter of an hour"
                )
            }
            isFirst = false
            try await Task.sleep(for: pause)
        }
        if !isFirst { log.line("The registry \(name) takes pushes again") }
    }

    /// A push past the plan's number of repositories is answered with a 403 that speaks of permissions: this finds out
    /// and says what it is.
    ///
    /// - Parameter repository: without host and registry: `todo/backend`.
    /// - Returns: the error in better words, or as it was.
    func explain(_ error: StageError, pushingTo repository: String) async -> StageError {
        guard ["registry-denied", "registry-authentication", "push-failed"].contains(error.reason.code) else {
            return error
        }
        if (try? await api.garbageCollection(of: name)) ?? nil != nil {
            return StageError(
                .errored,
                "registry-garbage-collection",
                "The registry \(name) began to collect garbage and takes no push meanwhile: run it again later"
            )
        }
        guard let plan = try? await api.registryPlan(), let known = try? await api.repositories(of: name),
            !known.contains(repository), !plan.holds(known.count + 1)
        else { return error }
        return StageError(
            .errored,
            "registry-plan-full",
            "The plan \(plan.slug) of the registry \(name) holds \(plan.repositories ?? 0) repositories, and all are in use: "
                + "delete one, or choose a larger plan under Container Registry → Settings (no room for \(repository))"
        )
    }

    private func garbageCollection() async throws -> GarbageCollection? {
        do {
            return try await api.garbageCollection(of: name)
        } catch {
            throw StageError(error)
        }
    }
}
