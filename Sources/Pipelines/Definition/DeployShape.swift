extension Shape {
    /// `deploy:` of a pipeline's file.
    static let deploy = Shape.object(
        ObjectShape(
            keys: targets + manifests + rest,
            exactlyOne: [["podman", "digitalocean", "kubeconfig", "inCluster"], ["manifests", "kustomize", "helm"]],
            apart: [
                .init(
                    key: "podman",
                    others: ["kustomize", "helm"],
                    reason: "the podman target reads plain manifests; write manifests: [FOLDER]"
                ),
                .init(
                    key: "podman",
                    others: ["force", "prune", "imagePaths"],
                    reason: "it speaks of a cluster; leave it out"
                ),
            ]
        )
    )

    private static let targets: [Key] = [
        .optional("podman", .object(ObjectShape(keys: [])), "Containers on this machine: podman: {}."),
        .optional(
            "digitalocean",
            .object(
                ObjectShape(keys: [.required("cluster", .text(.clusterName), "The cluster's name or id.")])
            ),
            "A Kubernetes cluster of DigitalOcean. Its token belongs under digitalocean in fairlead.yaml."
        ),
        .optional(
            "kubeconfig",
            .textOrObject(
                .serverPath,
                ObjectShape(keys: [
                    .required("file", .text(.serverPath), "The kubeconfig, on this server."),
                    .optional("context", .text(.label), "The context in it. Default: its current one."),
                ])
            ),
            """
            A Kubernetes cluster as a file on this server describes it, absolute or relative to the folder of this YAML \
            file: the file alone, or file and context.
            """
        ),
        .optional("inCluster", .mark, "The Kubernetes cluster that Fairlead itself runs in: inCluster: true."),
    ]

    private static let manifests: [Key] = [
        .optional(
            "manifests",
            .list(.text(.repositoryPath), count: 1...64),
            "Folders or files with Kubernetes manifests, inside the repository."
        ),
        .optional(
            "kustomize",
            .text(.repositoryPath),
            "A folder with a kustomization inside the repository. It needs kubectl or kustomize on this server."
        ),
        .optional(
            "helm",
            .object(
                ObjectShape(keys: [
                    .required(
                        "chart",
                        .text(.chart),
                        """
                        The chart's folder inside the repository, with the charts that it depends on; or the https address \
                        of a chart's archive.
                        """
                    ),
                    .optional(
                        "sha256",
                        .text(.sha256),
                        "What the archive at that address must be. Default: what a run's clone stage finds there."
                    ),
                    .optional(
                        "values",
                        .list(.text(.repositoryPath), count: 0...32),
                        "Files of values inside the repository; later ones win. Default: none."
                    ),
                    .optional(
                        "set",
                        .table(keys: .valuePath, values: .scalar, count: 0...128),
                        "Single values by their dotted path, such as image.pullPolicy; they win over the files."
                    ),
                    .optional("release", .text(.name), "The release's name. Default: the pipeline's name."),
                    .optional(
                        "manifests",
                        .list(.text(.repositoryPath), count: 0...64),
                        "Folders or files of manifests that are applied with what the chart gives. Default: none."
                    ),
                    .optional(
                        "kustomize",
                        .text(.repositoryPath),
                        """
                        A folder with a kustomization that is applied with what the chart gives. It needs kubectl or \
                        kustomize on this server. Default: none.
                        """
                    ),
                ])
            ),
            "A chart, rendered by helm template. It needs helm on this server."
        ),
    ]

    private static let rest: [Key] = [
        .optional(
            "namespace",
            .text(.name),
            """
            The namespace of everything that is deployed. No two environments share one. \
            Default: the pipeline's name.
            """
        ),
        .optional(
            "before",
            .text(.repositoryPath),
            "The manifest of a Job, inside the repository: it must finish before the rollout begins."
        ),
        .optional("timeout", .duration, "The deadline of the deploy stage, e.g. 90s or 5m. Default: 5m."),
        .optional(
            "onFailure",
            .choice(Definition.Deploy.OnFailure.allCases.map(\.rawValue)),
            """
            What happens to a deploy that fails. undo: the last release that succeeded is put back. keep: \
            everything stays, to be looked at. Default: undo.
            """
        ),
        .optional(
            "force",
            .flag,
            "Take fields of the cluster's objects over from whoever else manages them. Default: false, and a conflict."
        ),
        .optional(
            "prune",
            .flag,
            """
            Delete what an earlier release applied to the cluster and this one does not have, after the smoke test. \
            Default: true.
            """
        ),
        .optional(
            "imagePaths",
            .list(
                .object(
                    ObjectShape(keys: [
                        .required("kind", .text(.kindName), "Kind, or Kind.group."),
                        .required(
                            "path",
                            .text(.fieldPath),
                            "Where the image is: names of fields with dots between, and * for every item of a list."
                        ),
                    ])
                ),
                count: 0...64
            ),
            "Where objects of other kinds than the built-in workloads name images. Default: nowhere."
        ),
    ]
}
