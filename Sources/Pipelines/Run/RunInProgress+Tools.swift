import HTTPClient

/// The tools of the stages, set up for one run: its children are recorded under its number.
extension RunInProgress {
    var builder: ImageBuilder {
        ImageBuilder(
            podman: needs.podman.forRun(id),
            authFile: needs.registries.authFile,
            registries: needs.registries.addresses,
            allow: needs.settings.buildNetwork,
            unsafeBuilds: needs.settings.unsafeBuilds
        )
    }

    var pusher: ImagePusher {
        ImagePusher(
            podman: needs.podman.forRun(id),
            authFile: needs.registries.authFile,
            access: { [registries = needs.registries] in registries.access(to: $0) },
            ask: { [client = needs.client] method, url, headers in
                let response = try await client.send(HTTPRequest(method: method, url: url, headers: headers))
                return (response.status, response.body)
            }
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
