extension Shape {
    /// The keys of a pipeline's file: what `readPipeline` checks and `pipelines/pipeline.schema.json` is made of.
    static let pipeline = Shape.object(
        ObjectShape(keys: [
            .required("name", .text(.name), "The pipeline's name: lower-case letters, digits and hyphens, at most 40."),
            .optional(
                "environment",
                .text(.name),
                """
                Where the pipeline deploys to, and the name of its lane: of one environment's runs, one is worked on \
                at a time. Default: the pipeline's name.
                """
            ),
            .required("source", source, "The repository, and what of it is deployed."),
            .optional(
                "images",
                .table(keys: .name, values: image, count: 1...32),
                """
                The images that are built, by name. Manifests name them so, and get the digest that was built. Default: \
                none, where what others have built is deployed.
                """
            ),
            .optional("registry", registry, "Where images are pushed to. Default: embedded."),
            .optional(
                "secrets",
                .table(keys: .secretName, values: secret, count: 0...128),
                """
                Values for the containers, by the variable's name there. They become the Secret NAME-secrets (with the \
                pipeline's name) in the namespace.
                """
            ),
            .required("deploy", deploy, "Where and how the images are deployed."),
            .optional(
                "smokeTest",
                .list(.smokeCheck, count: 0...64),
                "Checks after each deploy. If one fails, the deploy is undone. Default: none."
            ),
            .optional(
                "onPush",
                .choice(Definition.OnPush.allCases.map(\.rawValue)),
                """
                What a push does while an earlier one is worked on. latest: the newest waiting push wins. queue: every \
                push is deployed, in order. cancel: as latest, and a run that has not begun to deploy is stopped. \
                Default: latest.
                """
            ),
            .optional(
                "hold",
                .choice(Definition.Hold.allCases.map(\.rawValue)),
                """
                What ends the hold that a rollback leaves on the environment. untilResumed: an operator. untilNextPush: \
                the next push of a new revision that comes after the rollback. Default: untilResumed.
                """
            ),
        ])
    )

    private static let source = Shape.object(
        ObjectShape(
            keys: [
                .optional("github", .text(.githubRepository), "A repository on github.com: owner/name."),
                .optional(
                    "git",
                    .text(.gitURL),
                    """
                    Any other repository: a URL that begins with https://, http://, ssh:// or file:///, or \
                    git@host:path. Credentials belong in fairlead.yaml.
                    """
                ),
                .optional("branch", .text(.branch), "The branch that is deployed, without refs/heads/."),
                .optional(
                    "tags",
                    .text(.tagGlob),
                    "The tags that are deployed, in order of arrival: a pattern such as v*, with * for any characters."
                ),
                .optional(
                    "paths",
                    .list(.text(.pathGlob), count: 0...256),
                    """
                    Deploy only if one of these paths changed since what is deployed now. * stands for any characters \
                    but /, ? for one, ** for any characters. Default: every change counts.
                    """
                ),
            ],
            exactlyOne: [["github", "git"], ["branch", "tags"]]
        )
    )

    private static let image = Shape.object(
        ObjectShape(keys: [
            .optional(
                "context",
                .text(.repositoryPath),
                "The folder that the build sees, inside the repository. Default: . (the whole repository)."
            ),
            .optional(
                "dockerfile",
                .text(.repositoryPath),
                "Inside the repository. Default: Dockerfile in the context, or Containerfile."
            ),
            .optional("target", .text(.buildStage), "The stage of the Dockerfile to build. Default: the last."),
            .optional(
                "args",
                .table(keys: .variable, values: .text(.line), count: 0...128),
                "Build arguments. They are part of the image's history: no place for secrets."
            ),
        ])
    )

    private static let registry = Shape.object(
        ObjectShape(
            keys: [
                .optional("embedded", .object(ObjectShape(keys: [])), "The registry of this server: embedded: {}."),
                .optional(
                    "address",
                    .text(.registryAddress),
                    "host:port, or host:port/prefix. Credentials belong under registries in fairlead.yaml."
                ),
                .optional(
                    "digitalocean",
                    .text(.registryName),
                    "The name of a registry of DigitalOcean. Its token belongs under digitalocean in fairlead.yaml."
                ),
                .optional(
                    "retention",
                    .object(
                        ObjectShape(keys: [
                            .required(
                                "keep",
                                .integer(1...1000),
                                "The images of each repository that are kept, and those that an environment may need."
                            )
                        ])
                    ),
                    "What is deleted from the DigitalOcean registry after a deploy. Default: nothing."
                ),
            ],
            exactlyOne: [["embedded", "address", "digitalocean"]],
            together: ["retention": ["digitalocean"]]
        )
    )

    /// Where a secret's value comes from: never the file itself.
    static let secret = Shape.object(
        ObjectShape(
            keys: [
                .optional("env", .text(.variable), "A variable of this server's environment."),
                .optional(
                    "file",
                    .text(.serverPath),
                    """
                    A file on this server, absolute or relative to the folder of this YAML file. A line break at its \
                    end is not part of the secret.
                    """
                ),
            ],
            exactlyOne: [["env", "file"]]
        )
    )
}
