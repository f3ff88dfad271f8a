import GRDB
import Glibc
import Testing

@testable import Pipelines

/// A history in a folder of its own, which goes with it.
final class Fixture: Sendable {
    let folder: String
    let history: History
    /// What the history takes for the time, in milliseconds. 2026-07-01T09:30:00.000Z at first.
    let clock = Locked<Int64>(1_782_898_200_000)

    init() throws {
        folder = try Fixture.makeFolder()
        let clock = clock
        history = try History.open(folder: folder, lock: true, now: { clock.withLock { $0 } })
    }

    deinit { Fixture.remove(folder) }

    var path: String { folder + "/" + History.fileName }

    func pass(milliseconds: Int64) { clock.withLock { $0 += milliseconds } }

    static func makeFolder() throws -> String {
        var template = Array("/tmp/fairlead-history-XXXXXX\0".utf8CString)
        let made = mkdtemp(&template)
        return String(cString: try #require(made))
    }

    static func remove(_ folder: String) { SmallFile.remove(folder) }

    static func names(in folder: String) throws -> [String] {
        let stream = try #require(opendir(folder))
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// Reads with a connection that the history knows nothing of: what it sees is committed.
    func outside<Value>(_ body: (Database) throws -> Value) throws -> Value {
        var configuration = Configuration()
        configuration.readonly = true
        let connection = try DatabaseQueue(path: path, configuration: configuration)
        defer { try? connection.close() }
        return try connection.read(body)
    }

    func register(_ name: String = "todo", environment: String? = nil, onPush: Definition.OnPush = .latest) async throws
        -> String
    {
        try await history.registerDefinition(.sample(name, environment: environment, onPush: onPush))
    }

    /// Keeps the writer busy while `body` runs: what is handed in meanwhile waits together.
    func holdingWriter(_ body: () -> Void) { history.pool.writeWithoutTransaction { _ in body() } }

    /// SQLite refuses to grow the file beyond this many pages, as it does when the disk is full. It never takes fewer
    /// than are used.
    func limitPages(_ count: Int) throws {
        _ = try history.pool.writeWithoutTransaction { db in
            try Int.fetchOne(db, sql: "PRAGMA max_page_count = \(count)")
        }
    }

    /// Queues a run as a push does, and returns its number.
    func push(
        _ pipeline: String = "todo",
        environment: String? = nil,
        ref: String = "refs/heads/main",
        revision: String? = nil,
        onPush: Definition.OnPush = .latest
    ) async throws -> Int64 {
        let hash = try await register(pipeline, environment: environment, onPush: onPush)
        let guid =
            "push-\(try await history.read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM deliveries")! })"
        let log = DeliveryLog(history: history)
        var push = IncomingPush.sample(guid, ref: ref)
        if let revision { push.after = revision }
        let result = await log.accept(
            push,
            .accepted(pipelines: [(pipeline, environment ?? pipeline, hash)])
        )
        guard case .accepted(_, let runs) = result, let run = runs.first else { throw Unexpected(result: result) }
        return run.id
    }

    struct Unexpected: Error { var result: AcceptResult }
}

extension DeliveryLog {
    func accept(_ push: IncomingPush, _ decision: DeliveryDecision) async -> AcceptResult {
        await withCheckedContinuation { continuation in
            accept(push, outcome: decision) { continuation.resume(returning: $0) }
        }
    }
}

extension IncomingPush {
    static func sample(_ guid: String, ref: String = "refs/heads/main") -> IncomingPush {
        IncomingPush(
            guid: guid,
            event: "push",
            repository: "acme/todo",
            repositoryID: 4711,
            ref: ref,
            before: String(repeating: "0", count: 40),
            after: String(repeating: "a1", count: 20),
            message: "Mend the gate\n\nIt squeaked.",
            author: "Mona"
        )
    }
}

extension Definition {
    static func sample(_ name: String = "todo", environment: String? = nil, onPush: OnPush = .latest) -> Definition {
        Definition(
            name: name,
            environment: environment ?? name,
            source: Source(github: "acme/\(name)", git: nil, branch: "main", tags: nil, paths: []),
            images: [Image(name: "web", context: ".", dockerfile: nil, target: nil, args: [:])],
            registry: .embedded,
            secrets: ["KEY": .environment("TODO_KEY")],
            deploy: Deploy(
                target: .podman,
                namespace: name,
                manifests: .files(["k8s"])
            ),
            smokeTest: [],
            onPush: onPush
        )
    }
}

/// Waits until `condition` holds, and fails the test if that takes longer than a minute.
func eventually(_ what: Comment, _ condition: () async throws -> Bool) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now + .seconds(60)
    while try await !condition() {
        guard clock.now < deadline else {
            Issue.record(what)
            return
        }
        try await Task.sleep(for: .milliseconds(5))
    }
}
