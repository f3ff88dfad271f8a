public import DigitalOcean
public import HTTPClient

extension ServerSettings {
    /// DigitalOcean's API, as fairlead.yaml describes it.
    ///
    /// - Throws: `StageError` if it names no token.
    public func digitalOceanAPI(client: HTTPClient) throws -> DigitalOcean {
        guard let access = digitalocean, let token = access.token.text else {
            throw StageError(
                .failed,
                "no-digitalocean-token",
                "The pipeline uses DigitalOcean, and this server has no token: write digitalocean: "
                    + "{ token: { env: NAME } } in fairlead.yaml"
            )
        }
        return DigitalOcean(
            token: token,
            api: access.api,
            client: client,
            deadline: .seconds(limits.digitaloceanDeadline)
        )
    }
}

extension RunDependencies {
    func digitalOcean() throws -> DigitalOcean { try settings.digitalOceanAPI(client: client) }
}

extension StageError {
    init(_ error: DigitalOceanError) {
        self.init(.errored, "digitalocean-\(error.code.rawValue)", error.message)
    }
}
