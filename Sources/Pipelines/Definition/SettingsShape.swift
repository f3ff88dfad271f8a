extension Shape {
    /// The keys of `fairlead.yaml`: what `readServerSettings` checks and `pipelines/fairlead.schema.json` is made of.
    static let settings = Shape.object(
        ObjectShape(keys: [
            .optional(
                "listen",
                .text(.listen),
                """
                Where the server listens: 127.0.0.1:8080, [::1]:8080 or localhost:8080; port 0 is any free one. TLS \
                ends at a proxy in front. Default: 127.0.0.1:8080.
                """
            ),
            .optional(
                "data",
                .text(.serverPath),
                "The data folder, absolute or relative to this file. One server has it. Default: ./data."
            ),
            .optional(
                "pipelines",
                .text(.serverPath),
                "The folder of the pipelines' files, absolute or relative to this file. Default: ./pipelines."
            ),
            .optional(
                "url",
                .text(.publicURL),
                """
                The address under which people reach this server: its host is accepted in Host headers, and with https \
                the session's cookie is sent over nothing else.
                """
            ),
            .optional(
                "hosts",
                .list(.text(.host), count: 0...64),
                """
                Further names that are accepted in Host headers. The listen address, localhost and the url's host \
                always are. Default: none.
                """
            ),
            .optional(
                "public",
                .choice(ServerSettings.Visibility.allCases.map(\.rawValue)),
                """
                What is shown to those who bring no token. status: runs and stages, without logs, excerpts and \
                reasons. everything: also those. Default: nothing.
                """
            ),
            .optional("webhooks", webhooks, "Who may send pushes."),
            .optional(
                "registry",
                .object(
                    ObjectShape(keys: [
                        .optional("embedded", .flag, "Run a docker-registry on loopback. Default: false."),
                        .optional("port", .integer(1...65_535), "Its port. Default: a free one, remembered."),
                    ])
                ),
                "The registry of this server."
            ),
            .optional("registries", .list(registryAccess, count: 0...32), "How other registries are reached."),
            .optional("git", git, "How repositories are reached."),
            .optional(
                "unsafeBuilds",
                .flag,
                """
                Build without isolation, for a host that offers none: a Dockerfile can then reach this machine's \
                network and processes. Default: false.
                """
            ),
            .optional(
                "buildNetwork",
                .object(
                    ObjectShape(keys: [
                        .optional(
                            "allow",
                            .list(.text(.addressBlock), count: 0...64),
                            "Blocks of IPv4 addresses that builds may reach although they are private. Default: none."
                        )
                    ])
                ),
                "What builds may reach: the internet, and no private address."
            ),
            .optional(
                "podNetwork",
                .object(
                    ObjectShape(keys: [
                        .optional(
                            "allow",
                            .list(.text(.addressBlock), count: 0...64),
                            """
                            Blocks of IPv4 addresses that pods of the podman target may reach although they are this \
                            machine's or link-local. Default: none.
                            """
                        )
                    ])
                ),
                "What pods may reach: the internet and private networks, not this machine itself."
            ),
            .optional("digitalocean", digitalocean, "How DigitalOcean is reached, for its registries and clusters."),
            .optional("github", github, "How GitHub is told about runs: commit statuses and deployments."),
            .optional(
                "kubernetes",
                .object(
                    ObjectShape(keys: [
                        .optional(
                            "allow",
                            .list(.text(.kindName), count: 0...128),
                            """
                            Kinds that pipelines may apply besides the workloads of their namespace: Kind of any API \
                            group, or Kind.group. Default: none.
                            """
                        )
                    ])
                ),
                "What pipelines may do in clusters."
            ),
            .optional("builder", builder, "Where images are built. Default: on this machine."),
            .optional(
                "reconcile",
                .durationOrOff,
                """
                How often the branches and tags that are deployed are compared with what is known, for pushes whose \
                webhook never came; also after each start. off: never. Default: 5m.
                """
            ),
            .optional("telemetry", telemetry, "Where traces go. Metrics are at /metrics."),
            .optional(
                "log",
                .choice(ServerSettings.LogFormat.allCases.map(\.rawValue)),
                """
                How the server's own log is written. text: a line for people. json: one object a line, with trace_id and \
                span_id where a span is under way. Default: text.
                """
            ),
            .optional(
                "retention",
                Retention.shape,
                """
                What is kept: of each kind so many, and for so long. Never deleted is what an environment serves, what it \
                can be rolled back to, and what a run still needs.
                """
            ),
            .optional("limits", Limits.shape, "Deadlines and bounds."),
        ])
    )

    private static let webhooks = Shape.object(
        ObjectShape(keys: [
            .optional(
                "secrets",
                .list(
                    .object(
                        ObjectShape(
                            keys: [
                                .optional("env", .text(.variable), "A variable of the server's environment."),
                                .optional("file", .text(.serverPath), "A file, absolute or relative to this file."),
                                .optional(
                                    "sources",
                                    .list(webhookSource, count: 1...256),
                                    """
                                    The repositories that the secret speaks for: owner/name, "owner/*", an https URL, \
                                    or {github: owner/name, id: NUMBER}. Default: any.
                                    """
                                ),
                            ],
                            exactlyOne: [["env", "file"]]
                        )
                    ),
                    count: 1...32
                ),
                """
                Secrets that deliveries are signed with; any one of them will do, so that a secret can be changed \
                without losing a push. At most 32. Without one, every delivery is refused.
                """
            )
        ])
    )

    private static let webhookSource = Shape.textOrObject(
        .webhookSource,
        ObjectShape(keys: [
            .required("github", .text(.githubRepository), "A repository on github.com: owner/name."),
            .optional("id", .integer(1...Int(1) << 53), "The repository's number: it stays when a name changes hands."),
        ])
    )

    private static let registryAccess = Shape.object(
        ObjectShape(
            keys: [
                .required("address", .text(.registryHost), "host or host:port, as pipelines name it."),
                .optional("user", .text(.label), "The user's name."),
                .optional("password", secret, "The password or token."),
                .optional("insecure", .flag, "Plain HTTP, or a certificate that is not checked. Default: false."),
            ],
            together: ["user": ["password"], "password": ["user"]]
        )
    )

    private static let git = Shape.object(
        ObjectShape(keys: [
            .optional(
                "credentials",
                .list(
                    .object(
                        ObjectShape(
                            keys: [
                                .required("host", .text(.host), "The host that gets this credential, and no other."),
                                .optional(
                                    "user",
                                    .text(.label),
                                    "The user's name. Default: x-access-token with a password, git with a key."
                                ),
                                .optional("password", secret, "A password or token, for https."),
                                .optional(
                                    "sshKey",
                                    .text(.serverPath),
                                    "The file of a private key, for ssh: Ed25519 or ECDSA. GitHub refuses RSA from here."
                                ),
                                .optional(
                                    "knownHosts",
                                    .text(.serverPath),
                                    "A file that says which host keys are right, as ssh-keyscan writes it."
                                ),
                                .optional("passphrase", secret, "The passphrase of the private key."),
                            ],
                            exactlyOne: [["password", "sshKey"]],
                            together: [
                                "sshKey": ["knownHosts"], "knownHosts": ["sshKey"], "passphrase": ["sshKey"],
                            ]
                        )
                    ),
                    count: 0...64
                ),
                "Credentials by host. Default: none."
            ),
            .optional("caFile", .text(.serverPath), "Certificates (PEM) that are trusted besides the system's."),
        ])
    )
}
