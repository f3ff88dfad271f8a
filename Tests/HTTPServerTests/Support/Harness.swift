import Glibc

@testable import HTTPServer

/// Gives every job a thread of its own.
private final class ThreadPerJob: TaskExecutor {
    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detach(name: "test") { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

private let threads = ThreadPerJob()

/// Runs blocking code on a thread of its own: the tests' sockets block, and async handlers need the pool.
func onThread<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await Task(executorPreference: threads) { @concurrent in try body() }.value
}

/// Runs a server and, on a thread of its own, what talks to it; stops the server also when that fails.
func withServer(
    _ configure: (inout HTTPServerConfiguration) -> Void = { _ in },
    handler: @escaping Handler,
    talk: @escaping @Sendable (HTTPServer) throws -> Void
) async throws {
    var configuration = HTTPServerConfiguration()
    configure(&configuration)
    let server = try HTTPServer(configuration: configuration, handler: handler)
    do {
        try await onThread { try talk(server) }
    } catch {
        await server.stop(grace: .zero)
        throw error
    }
    await server.stop(grace: .zero)
}

/// Looks again and again until something holds.
/// - Throws: when it does not within 20 seconds.
func eventually(_ what: String, _ condition: () throws -> Bool) throws {
    for _ in 0..<4000 {
        if try condition() { return }
        usleep(5000)
    }
    throw RawClient.Failure(description: "never happened: \(what)")
}

/// A value that several threads change.
final class Shared<Value: Sendable>: @unchecked Sendable {
    private let lock = Lock()
    private var value: Value

    init(_ value: Value) { self.value = value }

    var current: Value { lock.withLock { value } }

    func change(_ body: (inout Value) -> Void) { lock.withLock { body(&value) } }
}

/// Answers with what it got, line by line.
let echo: Handler = { request, responder in
    var lines = ["\(request.method) \(request.path)"]
    lines += request.query.map { "?\($0.name)=\($0.value)" }
    lines.append("\(request.body.count) bytes")
    responder.respond(.text(lines.joined(separator: "\n")))
}
