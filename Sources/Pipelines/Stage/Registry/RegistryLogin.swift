import DigitalOcean

/// The credentials of registries for one stage: a docker `config.json` for podman, and headers for our own questions.
struct RegistryLogin: Sendable {
    let authFile: String
    let access: ImagePusher.Access
}

extension RunInProgress {
    /// Runs `body` with the credentials of the pipeline's registry. What is minted for it lasts as long as the stage may,
    /// and its file is deleted at the end.
    ///
    /// - Parameters:
    ///   - readWrite: whether it is to push.
    ///   - limit: the stage's deadline, in seconds.
    func loggedIn<Result: Sendable>(
        readWrite: Bool,
        for limit: Double,
        _ body: (RegistryLogin) async throws -> Result
    ) async throws -> Result {
        let registries = needs.registries
        guard case .digitalocean(let name, _) = definition.registry else {
            return try await body(
                RegistryLogin(authFile: registries.authFile, access: { registries.access(to: $0) })
            )
        }
        let minted = try await DigitalOceanRegistry(name: name, api: try needs.digitalOcean())
            .credentials(readWrite: readWrite, lifetime: .seconds(limit) + Self.reserve)
        let file = "\(needs.dataFolder)/login-\(id)-\(readWrite ? "push" : "pull").json"
        try SmallFile.write(try registries.configuration(with: minted.auths), to: file, mode: 0o600)
        defer { SmallFile.remove(file) }
        return try await body(
            RegistryLogin(authFile: file) { repository in
                let host = String(repository.prefix { $0 != "/" })
                guard let basic = minted.auths[host] else { return registries.access(to: repository) }
                return ("https", [("Authorization", "Basic \(basic)")])
            }
        )
    }

    /// Beyond the stage's deadline, so that a push that ends just in time is not refused.
    private static var reserve: Duration { .seconds(60) }

    /// For one question: three of them, with the pauses between, fit into the stages that ask.
    private var patience: Duration {
        .seconds(min(30, needs.limits.buildDeadline / 6, needs.limits.pushDeadline / 6))
    }

    func pusher(_ login: RegistryLogin) -> ImagePusher {
        ImagePusher(
            podman: needs.podman.forBuild(of: id),
            authFile: login.authFile,
            access: login.access,
            ask: { [question = RegistryQuestion(client: needs.client, deadline: patience)] in
                try await question.ask($0, $1, $2)
            }
        )
    }
}
