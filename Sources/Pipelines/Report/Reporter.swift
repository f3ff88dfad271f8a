public import GitHub
public import Logging
public import Telemetry

/// Tells GitHub what becomes of runs. What is to be told is in the database: a GitHub that is away delays a status, never
/// a deploy, and a server that is started again tells what the last one could not.
public struct Reporter: Sendable {
    private let history: History
    private let api: GitHubAPI
    private let logger: Logger
    private let tracer: Tracer

    /// Runs whose reports are sent at one time.
    private static let width = 4
    /// Between two looks while much is going on, so that a run's quick stages make one report.
    private static let pause = Duration.milliseconds(500)
    /// The longest sleep: clocks jump.
    private static let longestSleep = Duration.seconds(60)

    public init(history: History, api: GitHubAPI, logger: Logger, tracer: Tracer = Tracer()) {
        self.history = history
        self.api = api
        self.logger = logger
        self.tracer = tracer
    }

    /// Works until the task is cancelled.
    public func run() async {
        let (looks, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        await withDiscardingTaskGroup { group in
            group.addTask { [history] in
                for await _ in history.changes() { wake.yield() }
                wake.finish()
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: await untilNext())
                    wake.yield()
                }
            }
            wake.yield()
            for await _ in looks {
                await tell()
                try? await Task.sleep(for: Self.pause)
            }
            group.cancelAll()
        }
    }

    private func untilNext() async -> Duration {
        guard let next = try? await history.nextReportAt() else { return Self.longestSleep }
        let left = Duration.milliseconds(next - History.systemMilliseconds())
        return min(max(left, .seconds(1)), Self.longestSleep)
    }

    private func tell() async {
        do {
            try await history.reportQueuedRuns()
            let due = Dictionary(grouping: try await history.dueReports(), by: \.run).values
            await withDiscardingTaskGroup { group in
                let slots = Slots(Self.width)
                for reports in due {
                    // Those of one run in their order: the last one stays.
                    group.addTask {
                        try? await slots.with {
                            for report in reports.sorted(by: { $0.id < $1.id }) {
                                await inTrace(of: report.run) { await tell(report) }
                            }
                        }
                    }
                }
            }
        } catch {
            logger.error("Reports could not be read", metadata: ["error": "\(error)"])
        }
    }

    /// What is told of a run belongs to its trace, once the run has begun and so has a span.
    private func inTrace(of run: Int64, _ body: () async -> Void) async {
        guard tracer.isExporting, let record = try? await history.record(run: run), record.startedAt != nil else {
            return await body()
        }
        await RunTrace(record, tracer: tracer).follow(body)
    }

    private func tell(_ report: ReportRecord) async {
        var deployment = report.externalID
        do {
            switch report.kind {
            case .status:
                try await api.setStatus(report.commitStatus, on: report.revision, of: report.repository)
            case .deployment:
                if deployment == nil {
                    deployment = try await api.createDeployment(
                        of: report.revision,
                        to: report.environment,
                        description: report.description,
                        in: report.repository
                    )
                }
                guard let deployment else { return }
                try await api.setStatus(report.deploymentStatus, ofDeployment: deployment, in: report.repository)
            }
            try await history.markReportDone(report.id, externalID: deployment)
        } catch let error as GitHubError {
            await keep(report, deployment, error)
        } catch {
            logger.error("A report could not be recorded", metadata: ["run.id": "\(report.run)", "error": "\(error)"])
        }
    }

    /// What may succeed later is told later; what GitHub will never take is given up, and the log says so.
    private func keep(_ report: ReportRecord, _ deployment: Int64?, _ error: GitHubError) async {
        logger.warning(
            "GitHub was not told",
            metadata: ["run.id": "\(report.run)", "report.kind": "\(report.kind.rawValue)", "error": "\(error)"]
        )
        do {
            guard error.code != .invalid && error.code != .notFound else {
                return try await history.giveUpReport(report.id, error: error.message)
            }
            let wait = error.retryAfter.map { History.systemMilliseconds() + Int64($0.seconds * 1000) }
            try await history.retryReport(report.id, error: error.message, notBefore: wait, externalID: deployment)
        } catch {
            logger.error("A report could not be recorded", metadata: ["run.id": "\(report.run)", "error": "\(error)"])
        }
    }
}

extension ReportRecord {
    fileprivate var commitStatus: CommitStatus {
        let state: CommitStatus.State =
            switch self.state {
            case .pending, .inProgress: .pending
            case .success: .success
            case .failure: .failure
            case .error, .inactive: .error
            }
        return CommitStatus(
            state: state,
            description: description,
            context: "fairlead/\(environment)",
            link: targetURL
        )
    }

    fileprivate var deploymentStatus: DeploymentStatus {
        let state: DeploymentStatus.State =
            switch self.state {
            case .pending: .pending
            case .inProgress: .inProgress
            case .success: .success
            case .failure: .failure
            case .error: .error
            case .inactive: .inactive
            }
        return DeploymentStatus(state: state, description: description, environment: environment, link: targetURL)
    }
}
