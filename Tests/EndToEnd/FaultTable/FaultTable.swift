/// The cells: who × what × where. Not every combination is one:
/// - The git host is spoken to in the clone alone, the registry not in the smoke test, and the API server only from the
///   deploy on.
/// - GitHub's API ends no run: it is told later (`GitHubFaultTests`), and heads are compared by the next look
///   (`ReconcileTests`). Only for a repository at github.com itself is it asked in the clone, for an app's token
///   (`GitHubAPITests`).
/// - Names: `NameFaultTests`. The database: `DatabaseFaultTests`. The disk: `FullDiskTests`. The clock: `ClockStepTests`.
enum FaultTable {
    /// Those that take longest come first. The last one leaves an image that nobody can use again.
    static let cells = push + build + smokeTest + deploy + clone + unasked

    private static let clone = { (clone: FaultRow) in
        clone.errored(
            "git-network",
            .refuse,
            .status(500),
            .status(429),
            .status(503, retryAfter: 1),
            .cutAnswer(after: 300),
            .cutRequest(after: 40)
        )
            + clone.errored("git-timeout", .hang)
            + clone.at("POST").errored("git-network", .cutAnswer(after: 300), .cutRequest(after: 300))
            + clone.at("POST").errored("git-timeout", .hang)
            + clone.passes(.status(500), times: 1, log: "trying again")
            + clone.at("POST").passes(.cutAnswer(after: 300), times: 2, log: "trying again")
    }(FaultRow(.git, "clone", change: .nothing))

    /// Of a 429 podman makes pauses of its own, longer than these deadlines.
    private static let build = { (base: FaultRow, reused: FaultRow) in
        base.errored("registry-unreachable", .refuse, .cutRequest(after: 40))
            + base.errored("registry-busy", .status(500))
            + base.errored("deadline-exceeded", .hang, .status(429))
            + base.at("GET /v2/base").errored("registry-unreachable", .cutAnswer(after: 500))
            + reused.errored("registry-unreachable", .refuse, .hang, .cutAnswer(after: 60), .cutRequest(after: 40))
            + reused.errored("registry-busy", .status(500), .status(429))
            + reused.passes(.status(500), times: 1, log: "trying again")
    }(
        FaultRow(.registry, "build", change: .base).at("/v2/"),
        FaultRow(.registry, "build", change: .nothing).at("HEAD /v2/lane")
    )

    /// The base image is here already, and only whether it is still the newest cannot be told.
    private static let unasked = FaultRow(.registry, "build").at("GET /v2/base")
        .passes(.status(500), log: "building without reuse")

    private static let push = { (push: FaultRow) in
        push.errored("registry-unreachable", .refuse)
            + push.errored("registry-busy", .status(500), .status(503, retryAfter: 1))
            + push.errored("deadline-exceeded", .hang, .status(429))
            + push.at("PATCH").errored("registry-unreachable", .cutAnswer(after: 60), .cutRequest(after: 700))
            + push.at("PATCH").errored("deadline-exceeded", .hang)
            + push.at("PUT").errored("registry-unreachable", .cutAnswer(after: 60))
            + push.at("PATCH").passes(.cutRequest(after: 700), times: 1)
    }(FaultRow(.registry, "push").at("/v2/lane"))

    private static let deploy = { (before: FaultRow, apply: FaultRow) in
        before.errored("cluster-unreachable", .refuse, .cutAnswer(after: 60), .cutRequest(after: 40))
            + before.errored("cluster-timeout", .hang)
            + before.errored("cluster-serverError", .status(500))
            + before.errored("cluster-tooManyRequests", .status(429), .status(429, retryAfter: 1))
            + before.at("GET").passes(.status(503), times: 2)
            + apply.at("PATCH").errored(
                "deploy-apply",
                .refuse,
                .hang,
                .status(500),
                .status(429, retryAfter: 1),
                .cutAnswer(after: 60)
            )
            + apply.at("PATCH").passes(.status(429, retryAfter: 1), times: 1)
            + apply.at("PATCH").passes(.cutAnswer(after: 60), times: 1)
            + apply.at("watch=").passes(.cutAnswer(after: 200), times: 1)
    }(FaultRow(.cluster, "deploy", change: .nothing), FaultRow(.cluster, "deploy"))

    /// The first request to a Service is made before the deploy. If the API server answers all else, the Service is at
    /// fault: a verdict.
    private static let smokeTest = { (server: FaultRow, service: FaultRow) in
        server.errored("cluster-unreachable", .refuse, .cutAnswer(after: 60), .cutRequest(after: 40))
            + server.errored("cluster-timeout", .hang)
            + server.errored("cluster-serverError", .status(500))
            + server.errored("cluster-tooManyRequests", .status(429))
            + service.failed("smoke-test-failed", .status(500), .cutAnswer(after: 60))
            + service.passes(.cutAnswer(after: 60), times: 1, log: "asking again")
    }(
        FaultRow(.cluster, "smoke-test", change: .nothing).at("/proxy/", skip: 1, thenAll: true),
        FaultRow(.cluster, "smoke-test", change: .nothing).at("/proxy/", skip: 1)
    )
}
