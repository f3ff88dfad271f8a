import HTTPClient

/// The tools of the stages, set up for one run: its children are recorded under its number.
extension RunInProgress {
    func builder(_ login: RegistryLogin) -> ImageBuilder {
        ImageBuilder(
            podman: needs.podman.forBuild(of: id),
            authFile: login.authFile,
            registries: needs.registries.readable(by: definition),
            allow: needs.settings.buildNetwork,
            unsafeBuilds: needs.settings.unsafeBuilds,
            retryFor: needs.limits.retryFor
        )
    }

    var target: any DeployTarget {
        get throws { try needs.target(of: definition, run: id) }
    }

    /// Where an image of this pipeline is pushed to.
    func repository(of image: String) throws -> String {
        try needs.registries.repository(of: image, in: definition)
    }
}
