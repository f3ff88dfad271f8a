import Logging
import Telemetry
import TodoCommon

/// Publishes what waits in the outbox, for as long as it takes. An event leaves the outbox after it was published: so a
/// crash between the two publishes it again, and none is left out.
///
/// Events of one task go in their order, one after the other: an event is only published when no earlier one of its
/// task waits any more. Several replicas may publish the same event; the first copies are in order all the same.
actor Relay {
    private let list: TaskList
    private let publisher: any Publisher
    private let metrics: BackendMetrics
    private let tracer: Tracer
    private let logger: Logger

    /// Buckets that may have something to publish.
    private var dirty: Set<Int> = Set(0..<TaskList.buckets)
    /// Published, but not known to be out of the outbox.
    private var published: [Int: Set<String>] = [:]
    private var failures = 0
    private var wake: CheckedContinuation<Void, Never>?
    /// When the loop last turned, for liveness.
    private(set) var lastTurn = ContinuousClock.now

    /// How long until all buckets are looked at, whoever has changed them: another replica may have died.
    private static let sweep = Duration.seconds(5)
    /// Events of other replicas younger than this are left to them.
    private static let courtesy = Duration.seconds(3)
    private static let longestPause = 15_000
    /// Buckets at work at the same time.
    private static let width = 8
    /// Events of one bucket before what is published is taken out.
    private static let batch = 50

    init(list: TaskList, publisher: any Publisher, metrics: BackendMetrics, tracer: Tracer, logger: Logger) {
        self.list = list
        self.publisher = publisher
        self.metrics = metrics
        self.tracer = tracer
        self.logger = logger
    }

    /// There is something in this bucket.
    func notice(_ bucket: Int) {
        dirty.insert(bucket)
        // After a failure the pause is kept: a dead sidecar is not asked with every change.
        if failures == 0 { ring() }
    }

    /// Runs until the task is cancelled. What is published by then and not taken out is published again by the next.
    func run() async {
        var nextSweep = ContinuousClock.now
        while !Task.isCancelled {
            lastTurn = .now
            var isSweep = false
            if ContinuousClock.now >= nextSweep {
                isSweep = true
                nextSweep = .now + Self.sweep * Double.random(in: 0.8...1.2)
            }
            let fresh = dirty
            dirty = []
            let worked = await turn(fresh, isSweep: isSweep)
            if worked {
                failures = 0
                if dirty.isEmpty { await pause(until: nextSweep) }
            } else {
                failures += 1
                await pause(until: .now + backoff)
            }
        }
    }

    /// - Parameter fresh: buckets in which this process has something to publish.
    /// - Returns: false where something could not be published: try again later.
    private func turn(_ fresh: Set<Int>, isSweep: Bool) async -> Bool {
        var left = isSweep ? Array(0..<TaskList.buckets) : Array(fresh)
        return await withTaskGroup(of: Bool.self) { group in
            func next() {
                guard let bucket = left.popLast() else { return }
                group.addTask { await self.look(bucket, isFresh: fresh.contains(bucket)) }
            }
            for _ in 0..<Self.width { next() }
            var isDone = true
            for await done in group {
                isDone = isDone && done
                next()
            }
            return isDone
        }
    }

    /// Publishes what waits in a bucket, if it is ours to do.
    private func look(_ bucket: Int, isFresh: Bool) async -> Bool {
        do {
            let events = try await list.waiting(bucket)
            metrics.outbox.note(bucket, events)
            let oldest = Timestamp(milliseconds: Timestamp.now.milliseconds - Self.courtesy.components.seconds * 1000)
            guard isFresh || events.contains(where: { $0.since < oldest }) else { return true }
            if await empty(bucket, events) { return true }
        } catch {
            logger.warning("The outbox cannot be read", metadata: ["error": "\(error)"])
        }
        dirty.insert(bucket)
        return false
    }

    /// Publishes a bucket's events in their order and takes them out.
    private func empty(_ bucket: Int, _ events: [WaitingEvent]) async -> Bool {
        var events = events
        while !events.isEmpty {
            let (sent, trouble) = await publish(events.prefix(Self.batch), of: bucket)
            published[bucket, default: []].formUnion(sent)
            if let out = published[bucket], !out.isEmpty {
                do {
                    events = try await list.remove(out, from: bucket)
                    published[bucket] = nil
                    metrics.outbox.note(bucket, events)
                } catch {
                    logger.warning("The outbox cannot be written", metadata: ["error": "\(error)"])
                    return false
                }
            }
            if trouble || Task.isCancelled { return false }
        }
        return true
    }

    /// - Returns: the ids of what is published, and whether something could not be.
    private func publish(_ events: some Sequence<WaitingEvent>, of bucket: Int) async -> (Set<String>, trouble: Bool) {
        var sent: Set<String> = []
        var held: Set<String> = []
        let known = published[bucket] ?? []
        for waiting in events where !known.contains(waiting.event.id) {
            let event = waiting.event
            // One of its task could not go: neither may the later ones.
            guard !held.contains(event.data.id) else { continue }
            if Task.isCancelled { return (sent, true) }
            lastTurn = .now
            do {
                // In the trace of the request that made the change, which may be over for long.
                try await tracer.withSpan(
                    "publish \(event.type)",
                    kind: .producer,
                    parent: event.traceparent.flatMap { SpanContext(traceparent: $0) },
                    attributes: ["messaging.destination.name": .string(event.type)]
                ) { _ in try await publisher.publish(event) }
                sent.insert(event.id)
                metrics.published(event.type)
            } catch {
                metrics.publishFailed(event.type)
                logger.warning(
                    "An event is not published yet",
                    metadata: ["event.id": "\(event.id)", "event.type": "\(event.type)", "error": "\(error)"]
                )
                held.insert(event.data.id)
                guard let error = error as? PublishError, error.isOwn else { return (sent, true) }
            }
        }
        return (sent, !held.isEmpty)
    }

    /// 200 ms, 400 ms … 15 s, half of it by chance: replicas do not come back all at once.
    private var backoff: Duration {
        let limit = min(Self.longestPause, 100 << min(failures, 8))
        return .milliseconds(Int.random(in: limit / 2...limit))
    }

    // MARK: - Waiting

    private func pause(until moment: ContinuousClock.Instant) async {
        let alarm = Task {
            // A cancelled one must not ring: it would wake the next pause.
            do { try await Task.sleep(until: moment) } catch { return }
            ring()
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Cancelled, or noticed something, before it could be woken.
                if Task.isCancelled || failures == 0 && !dirty.isEmpty { return continuation.resume() }
                wake = continuation
            }
        } onCancel: {
            Task { await self.ring() }
        }
        alarm.cancel()
    }

    private func ring() {
        wake?.resume()
        wake = nil
    }
}
