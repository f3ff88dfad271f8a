extension ServerSettings {
    /// How DigitalOcean's API is reached.
    public struct DigitalOceanAccess: Sendable {
        public var token: SecretValue
        /// Without a slash at the end.
        public var api: String
    }

    /// How GitHub's API is reached.
    public struct GitHubAccess: Sendable {
        public enum Method: Sendable {
            case token(SecretValue)
            /// A GitHub App by its number and its private key (PEM). Without an installation's number, the repository's
            /// own installation is looked up.
            case app(id: Int64, privateKey: SecretValue, installation: Int64?)
        }

        public var method: Method
        /// Without a slash at the end.
        public var api: String

        /// The token or the key.
        public var secret: SecretValue {
            switch method {
            case .token(let token): token
            case .app(_, let privateKey, _): privateKey
            }
        }
    }

    /// What pipelines may do in clusters.
    public struct KubernetesRules: Sendable, Equatable {
        /// Kinds besides the workloads of the pipeline's namespace: `Kind`, or `Kind.group`.
        public var allow: [String] = []
    }

    /// A podman on another machine or in another pod.
    public struct RemoteBuilder: Sendable, Equatable {
        /// `tcp://host:port`, `unix:///path` or `ssh://user@host/path`.
        public var podman: String
        /// The file of a private key, for ssh.
        public var identity: String?
    }
}

extension Shape {
    static let digitalocean = Shape.object(
        ObjectShape(keys: [
            .required("token", secret, "The API token."),
            .optional("api", .text(.apiURL), "The API's address. Default: https://api.digitalocean.com."),
        ])
    )

    static let github = Shape.object(
        ObjectShape(
            keys: [
                .optional("token", secret, "A token that may write commit statuses and deployments."),
                .optional(
                    "app",
                    .object(
                        ObjectShape(keys: [
                            .required("id", .integer(1...Int(1) << 53), "The app's number."),
                            .required("privateKey", secret, "The app's private key (PEM)."),
                            .optional(
                                "installation",
                                .integer(1...Int(1) << 53),
                                "The installation's number. Default: the one that the repository belongs to."
                            ),
                        ])
                    ),
                    "A GitHub App, in place of a token."
                ),
                .optional("api", .text(.apiURL), "The API's address. Default: https://api.github.com."),
            ],
            exactlyOne: [["token", "app"]]
        )
    )

    static let builder = Shape.object(
        ObjectShape(keys: [
            .required(
                "podman",
                .text(.podmanURL),
                """
                The service of a podman elsewhere: tcp://host:port, unix:///path or ssh://user@host/path. tcp has no \
                protection of its own: only where the network gives it.
                """
            ),
            .optional("identity", .text(.serverPath), "The file of a private key, for ssh."),
        ])
    )
}
