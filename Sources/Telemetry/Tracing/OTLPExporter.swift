public import HTTPClient

/// Sends spans to a collector: OTLP over HTTP, as JSON. Handing over a span never waits and never fails: what has no
/// room, or cannot be delivered after some tries, is counted and forgotten. While there is nothing to send, nothing runs.
public final class OTLPExporter: Sendable {
    public struct Configuration: Sendable {
        /// The collector's address without `/v1/traces`, as in `OTEL_EXPORTER_OTLP_ENDPOINT`.
        public var endpoint: String
        /// Who we are: at least `service.name`.
        public var resource: [String: AttributeValue]
        public var headers: [(String, String)] = []
        /// How many spans wait at most; later ones are dropped.
        public var queueLimit = 2048
        /// How many go in one request.
        public var batchLimit = 256
        /// How long the first span of a batch waits for company.
        public var batchDelay: Duration = .seconds(1)
        /// For one request.
        public var deadline: Duration = .seconds(10)
        /// How often a batch is sent before it is dropped, with a pause that doubles from ``firstPause``.
        public var tries = 5
        public var firstPause: Duration = .seconds(1)
        /// How long a collector may make us wait with `Retry-After`; what asks for more is asked again after this.
        public var longestPause: Duration = .seconds(60)
        /// How many bytes of an answer are read. A collector's says a few words; spans with a longer one are dropped.
        public var answerLimit = 64 << 10

        public init(endpoint: String, resource: [String: AttributeValue]) {
            self.endpoint = endpoint
            self.resource = resource
        }
    }

    private struct State {
        var queue: [SpanRecord] = []
        var work: Task<Void, Never>?
        var pause: Task<Void, Never>?
        var isClosed = false
    }

    private let configuration: Configuration
    private let client: HTTPClient
    private let exported: Counter
    private let dropped: Family<Counter>
    private let state = Lock(State())

    /// - Parameter registry: gets `traces_exported_spans_total` and `traces_dropped_spans_total{reason}`.
    public init(_ configuration: Configuration, client: HTTPClient, registry: MetricRegistry) {
        self.configuration = configuration
        self.client = client
        exported = registry.counter("traces_exported_spans_total", "Spans that the collector took.")
        dropped = registry.counter(
            "traces_dropped_spans_total",
            "Spans that no collector got, by the reason.",
            labels: ["reason"]
        )
        for reason in DropReason.allCases { _ = dropped[reason.rawValue] }
    }

    enum DropReason: String, CaseIterable {
        /// More came than could be sent.
        case full
        /// The collector did not want them, or answered with more than is read.
        case refused
        /// The collector was not there, or not able, for all tries.
        case undelivered
        /// The program ended first.
        case shutdown
    }

    /// Sends what is waiting, without pauses, and takes no more. Ends when all is sent or dropped, at the latest after
    /// `limit`.
    public func shutdown(within limit: Duration) async {
        let (work, pause) = state.withLock { state in
            state.isClosed = true
            return (state.work, state.pause)
        }
        pause?.cancel()
        guard let work else { return }
        let watch = Task {
            try await Task.sleep(for: limit)
            work.cancel()
        }
        await work.value
        watch.cancel()
    }

    func export(_ span: SpanRecord) {
        let refusal: DropReason? = state.withLock { state in
            if state.isClosed { return .shutdown }
            if state.queue.count >= configuration.queueLimit { return .full }
            state.queue.append(span)
            if state.work == nil { state.work = Task.detached { await self.sendAll() } }
            return nil
        }
        if let refusal { drop(1, refusal) }
    }

    private func drop(_ count: Int, _ reason: DropReason) {
        dropped[reason.rawValue].increment(by: count)
    }

    // MARK: - The one task that sends

    private func sendAll() async {
        await pause(for: configuration.batchDelay)
        while let batch = nextBatch() {
            let isFull = batch.count == configuration.batchLimit
            await deliver(batch)
            if !isFull { await pause(for: configuration.batchDelay) }
        }
    }

    /// The batch stays in the queue while it is sent, so that the limit counts it.
    private func nextBatch() -> [SpanRecord]? {
        state.withLock { state in
            if state.queue.isEmpty {
                state.work = nil
                return nil
            }
            return Array(state.queue.prefix(configuration.batchLimit))
        }
    }

    private func deliver(_ batch: [SpanRecord]) async {
        defer { state.withLock { $0.queue.removeFirst(batch.count) } }
        var wait = configuration.firstPause
        for attempt in 1...configuration.tries {
            switch await send(batch) {
            case .taken:
                exported.increment(by: batch.count)
                return
            case .again(let asked) where attempt < configuration.tries && !isClosed:
                await pause(for: max(wait, min(asked, configuration.longestPause)))
                wait *= 2
            case .again:
                drop(batch.count, isClosed ? .shutdown : .undelivered)
                return
            case .refused:
                drop(batch.count, .refused)
                return
            }
        }
    }

    private enum Outcome {
        case taken
        case refused
        /// Worth another try, not before this.
        case again(after: Duration)
    }

    /// Which answers are worth another try, and which say when:
    /// https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes, and there #otlphttp-throttling
    private func send(_ batch: [SpanRecord]) async -> Outcome {
        do {
            let document = OTLPDocument(batch, resource: configuration.resource)
            let response = try await client.send(
                HTTPRequest(
                    method: "POST",
                    url: configuration.endpoint.trimmingSlash + "/v1/traces",
                    headers: [("Content-Type", "application/json")] + configuration.headers,
                    body: document.encoded(),
                    deadline: configuration.deadline,
                    maxResponseBytes: configuration.answerLimit
                )
            )
            switch response.status {
            case 200..<300: return .taken
            case 429, 503: return .again(after: response.retryAfter ?? .zero)
            case 502, 504: return .again(after: .zero)
            default: return .refused
            }
        } catch let error as HTTPClientError where error.code == .tooLarge {
            return .refused
        } catch {
            return .again(after: .zero)
        }
    }

    private var isClosed: Bool { state.withLock { $0.isClosed } }

    /// A task of its own, so that closing can end it without ending the request that follows.
    private func pause(for duration: Duration) async {
        let pause: Task<Void, Never>? = state.withLock { state in
            guard !state.isClosed else { return nil }
            let pause = Task { _ = try? await Task.sleep(for: duration) }
            state.pause = pause
            return pause
        }
        await pause?.value
    }
}

extension String {
    fileprivate var trimmingSlash: String { hasSuffix("/") ? String(dropLast()) : self }
}
