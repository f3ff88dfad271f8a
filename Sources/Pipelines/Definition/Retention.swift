/// What is kept, of each kind so many, and for so long: what is beyond the one or the other goes. Never what an
/// environment serves, what it can be rolled back to, or what a run still needs. `retention:` in fairlead.yaml.
public struct Retention: Sendable, Equatable {
    public struct Bound: Sendable, Equatable {
        public var count: Int
        public var days: Int
    }

    /// Runs that have ended, of each pipeline.
    public var runs = Bound(count: 1000, days: 365)
    /// Of each pipeline, the runs whose logs are kept.
    public var logs = Bound(count: 200, days: 90)
    /// Deliveries, of those that began no run, or none that is kept.
    public var deliveries = Bound(count: 10_000, days: 90)
    /// Images of one name in the embedded registry.
    public var images = Bound(count: 20, days: 90)
    /// How many releases back an environment can be rolled back: these stay, with their images.
    public var releases = 10
    /// Days for which the mirror of a repository is kept that no pipeline deploys any more.
    public var mirrors = 30
    /// Days for which podman keeps images, and layers of builds, that nothing needs: what is built next may begin with them.
    public var cache = 7

    public init() {}
}

extension Retention {
    private struct Named: Sendable {
        var name: String
        var path: any WritableKeyPath<Retention, Bound> & Sendable
        var counts: ClosedRange<Int>
        var about: String
    }

    private static let named = [
        Named(
            name: "runs",
            path: \.runs,
            counts: 10...10_000_000,
            about: "Runs that have ended, of each pipeline, with all that is known of them."
        ),
        Named(
            name: "logs",
            path: \.logs,
            counts: 10...10_000_000,
            about: "Logs, of each pipeline those of so many runs; the run itself is kept longer."
        ),
        Named(
            name: "deliveries",
            path: \.deliveries,
            counts: 1000...10_000_000,
            about: "Deliveries that began no run, or none that is kept."
        ),
        Named(
            name: "images",
            path: \.images,
            counts: 1...100_000,
            about: "Images of one name in the embedded registry."
        ),
    ]

    /// The shape of `retention:`.
    static let shape = Shape.object(
        ObjectShape(
            keys: named.map { kind in
                let standard = Retention()[keyPath: kind.path]
                return .optional(
                    kind.name,
                    .object(
                        ObjectShape(keys: [
                            .optional(
                                "count",
                                .integer(kind.counts),
                                "The newest so many. Default: \(standard.count)."
                            ),
                            .optional("days", .days, "None that is older. Default: \(standard.days)d."),
                        ])
                    ),
                    kind.about
                )
            } + [
                .optional(
                    "releases",
                    .object(
                        ObjectShape(keys: [
                            .optional(
                                "count",
                                .integer(1...1000),
                                "The newest so many. Default: \(Retention().releases)."
                            )
                        ])
                    ),
                    "How many releases back an environment can be rolled back; these keep their images, too."
                ),
                .optional(
                    "mirrors",
                    .object(
                        ObjectShape(keys: [
                            .optional("days", .days, "For so long. Default: \(Retention().mirrors)d.")
                        ])
                    ),
                    "Mirrors of repositories that no pipeline deploys any more."
                ),
                .optional(
                    "cache",
                    .object(
                        ObjectShape(keys: [
                            .optional("days", .days, "For so long. Default: \(Retention().cache)d.")
                        ])
                    ),
                    "Images and layers of builds in podman's own storage that nothing needs, for builds to begin with."
                ),
            ]
        )
    )

    /// What a value says that was checked against `shape`.
    init(_ value: Value?) {
        self.init()
        for kind in Self.named {
            guard let bound = value?[kind.name] else { continue }
            if let count = bound["count"]?.integer { self[keyPath: kind.path].count = count }
            if let days = bound["days"]?.text.flatMap(days(of:)) { self[keyPath: kind.path].days = days }
        }
        if let count = value?["releases"]?["count"]?.integer { releases = count }
        if let days = value?["mirrors"]?["days"]?.text.flatMap(days(of:)) { mirrors = days }
        if let days = value?["cache"]?["days"]?.text.flatMap(days(of:)) { cache = days }
    }
}
