import Foundation
import Testing

@testable import HTTPClient

/// Cancelling, closing, and the thread.
@Suite(.timeLimit(.minutes(1))) struct LifeTests {
    @Test func aCancelledTaskEndsItsRequest() async throws {
        let arrived = Sign()
        let gone = Sign()
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            arrived.give()
            connection.waitForEnd()
            gone.give()
        }
        let client = HTTPClient()
        let task = Task { try await client.send(HTTPRequest(url: server.url(), deadline: nil)) }
        await arrived.wait()
        task.cancel()
        await #expect(throws: HTTPClientError.cancelled) { try await task.value }
        // Not only forgotten: the connection is closed.
        await gone.wait()
        withExtendedLifetime(server) {}
    }

    @Test func aTaskThatIsCancelledBeforeSendsNothing() async throws {
        let server = try SocketServer { $0.waitForEnd() }
        let client = HTTPClient()
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await client.send(HTTPRequest(url: server.url(), deadline: nil))
        }
        task.cancel()
        await #expect(throws: HTTPClientError.cancelled) { try await task.value }
        #expect(server.connectionCount == 0)
    }

    /// Cancellation meets the request in every state it can be in.
    @Test func cancelledAtAnyMoment() async throws {
        let server = try SocketServer { connection in
            while connection.readRequest() != nil { connection.respond(body: "x") }
        }
        let client = HTTPClient(configuration: .init(keepAlive: .milliseconds(1)))
        await withTaskGroup(of: Void.self) { group in
            for round in 0..<300 {
                let task = Task { @concurrent in try await client.send(HTTPRequest(url: server.url())) }
                group.addTask { @concurrent in
                    for _ in 0..<(round % 40) { await Task.yield() }
                    task.cancel()
                    switch await task.result {
                    case .success(let response): #expect(response.text == "x")
                    case .failure(let error): #expect((error as? HTTPClientError)?.code == .cancelled)
                    }
                }
            }
        }
    }

    @Test(arguments: [true, false])
    func onlyAFreshConnectionSendsARequestOnce(isFresh: Bool) async throws {
        let posts = Recorder<String>()
        let server = try SocketServer { connection in
            while let request = connection.readRequest() {
                guard request.hasPrefix("GET") else { return posts.add(request) }
                connection.respond()
            }
        }
        let client = HTTPClient()
        _ = try await client.send(HTTPRequest(url: server.url()))
        let request = HTTPRequest(method: "POST", url: server.url(), body: [1], freshConnection: isFresh)
        await #expect(throws: HTTPClientError.self) { try await client.send(request) }
        #expect((posts.values.count == 1) == isFresh)
    }

    @Test func fiveHundredAtATime() async throws {
        let server = try SocketServer { connection in
            while let request = connection.readRequest() {
                connection.respond(body: String(request.split(separator: " ")[1]))
            }
        }
        let client = HTTPClient()
        let answers = try await withThrowingTaskGroup(of: String.self) { group in
            for number in 0..<500 {
                group.addTask { try await client.send(HTTPRequest(url: server.url("/\(number)"))).text }
            }
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(answers == Set((0..<500).map { "/\($0)" }))
    }

    @Test func closingEndsWhatIsUnderWay() async throws {
        let arrived = Sign()
        let server = try SocketServer { connection in
            _ = connection.readRequest()
            arrived.give()
            connection.waitForEnd()
        }
        let client = HTTPClient()
        let task = Task { try await client.send(HTTPRequest(url: server.url(), deadline: nil)) }
        await arrived.wait()
        client.close()
        await #expect(throws: HTTPClientError.closed) { try await task.value }
        await expectFailure(.cancelled, of: client, HTTPRequest(url: server.url()))
        client.close()
        await untilStopped(client)
    }

    @Test func theThreadComesAndGoes() async throws {
        let server = try SocketServer { connection in
            while connection.readRequest() != nil { connection.respond() }
        }
        let client = HTTPClient(configuration: .init(keepAlive: .milliseconds(20)))
        #expect(!client.isRunning)
        for round in 1...3 {
            #expect(try await client.send(HTTPRequest(url: server.url())).status == 200)
            await untilStopped(client)
            // Its connections went with it.
            #expect(server.connectionCount == round)
        }
    }

    @Test func aClientThatIsDroppedLeavesNoThread() async throws {
        let gone = Sign()
        let server = try SocketServer { connection in
            while connection.readRequest() != nil { connection.respond() }
            gone.give()
        }
        do {
            let client = HTTPClient(configuration: .init(keepAlive: .seconds(3_600)))
            #expect(try await client.send(HTTPRequest(url: server.url())).status == 200)
        }
        await gone.wait()
        withExtendedLifetime(server) {}
    }

    private func untilStopped(_ client: HTTPClient) async {
        while client.isRunning { await Task.yield() }
    }
}
