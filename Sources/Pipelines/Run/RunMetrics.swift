public import Telemetry

/// What is counted of runs. The counts are those of this process: they begin at zero with the server.
public final class RunMetrics: Sendable {
    private let ended: Family<Counter>
    private let stageDurations: Family<Histogram>
    private let undos: Family<Counter>

    /// A second to half an hour: no stage's deadline is longer by default.
    private static let stageSeconds: [Double] = [0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1200, 1800]
    /// Label sets: some thousand pipelines.
    private static let limit = 10_000

    public init(_ registry: MetricRegistry) {
        ended = registry.counter(
            "fairlead_runs_total",
            "Runs that ended, by the status that they ended with.",
            labels: ["pipeline", "status"],
            limit: Self.limit
        )
        stageDurations = registry.histogram(
            "fairlead_stage_duration_seconds",
            "How long attempts of stages took, by how they ended.",
            labels: ["stage", "status"],
            buckets: Self.stageSeconds
        )
        undos = registry.counter(
            "fairlead_undos_total",
            "Deploys that were taken back, by whether that succeeded.",
            labels: ["pipeline", "status"],
            limit: Self.limit
        )
        for stage in StageName.allCases {
            for status in StageStatus.allCases where status != .pending && status != .running {
                _ = stageDurations[stage.rawValue, status.rawValue]
            }
        }
    }

    /// Makes the series of these pipelines, so that a first failure is seen as a rise.
    public func expect(pipelines: some Sequence<String>) {
        for pipeline in pipelines {
            for status in RunStatus.allCases where status.isFinal { _ = ended[pipeline, status.rawValue] }
            for status in [Undo.Status.succeeded, .failed] { _ = undos[pipeline, status.rawValue] }
        }
    }

    func countEnd(of pipeline: String, _ status: RunStatus) { ended[pipeline, status.rawValue].increment() }

    func count(_ stage: StageName, _ status: StageStatus, took duration: Duration) {
        stageDurations[stage.rawValue, status.rawValue].observe(duration)
    }

    func countUndo(of pipeline: String, _ status: Undo.Status) { undos[pipeline, status.rawValue].increment() }
}
