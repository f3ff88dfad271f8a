import Foundation
import HTTPClient
import HTTPServer
import Testing

@testable import todo_frontend

@Suite("Frontend")
struct FrontendTests {
    @Test("path, query, body and headers go along as they came, and answers come back; nothing else does")
    func passes() async throws {
        try await with { frontend, seen, client in
            let request = HTTPRequest(
                method: "PATCH",
                url: "\(frontend.url)/api/tasks/a%20b%2Bc?limit=5&q=%26x%3D%C3%A4",
                headers: [
                    ("Content-Type", "application/json"), ("If-Match", "\"1\""), ("Cookie", "secret"),
                    ("Authorization", "Bearer secret"),
                ],
                body: Array("{}".utf8)
            )
            let answer = try await client.send(request)
            #expect(answer.status == 418)
            #expect(answer.header("ETag") == "\"2\"")
            #expect(answer.header("X-Internal") == nil)
            #expect(String(decoding: answer.body, as: UTF8.self) == "backend")
            let passed = try #require(seen.value.first)
            #expect(passed.method == "PATCH")
            // As it was: a gateway or frontend that rewrites /api to / serves something else than what is asked for.
            #expect(passed.path == "/api/tasks/a b+c")
            #expect(passed.query.map { "\($0.name)=\($0.value)" } == ["limit=5", "q=&x=ä"])
            #expect(passed.body == Array("{}".utf8))
            #expect(passed.header("If-Match") == "\"1\"")
            #expect(passed.header("Cookie") == nil)
            #expect(passed.header("Authorization") == nil)
            #expect(passed.header("traceparent") != nil)
            let events = try await client.send(HTTPRequest(url: "\(frontend.url)/api/events?task=x"))
            #expect(String(decoding: events.body, as: UTF8.self) == "events")
        }
    }

    @Test("the page comes with headers that keep browsers from doing anything else with it")
    func page() async throws {
        try await with { frontend, _, client in
            for path in ["/", "/app.js", "/style.css"] {
                let answer = try await client.send(HTTPRequest(url: frontend.url + path))
                #expect(answer.status == 200)
                #expect(answer.header("Content-Security-Policy")?.contains("default-src 'none'") == true)
                for (name, value) in FrontendRoutes.security { #expect(answer.header(name) == value) }
            }
            #expect(try await client.send(HTTPRequest(url: "\(frontend.url)/../Frontend.swift")).status == 404)
            #expect(try await client.send(HTTPRequest(method: "POST", url: "\(frontend.url)/")).status == 405)
            #expect(try await client.send(HTTPRequest(url: "\(frontend.url)/readyz")).status == 200)
        }
    }

    @Test("what a program says of itself is asked for, by the name under which a gateway hides it")
    func ownPaths() async throws {
        try await with { frontend, _, client in
            for path in ["/metrics", "/healthz", "/readyz"] {
                for method in ["GET", "HEAD"] {
                    let answer = try await client.send(HTTPRequest(method: method, url: frontend.url + path))
                    #expect(answer.status == 200, "\(method) \(path)")
                }
                for method in ["POST", "PUT", "DELETE", "OPTIONS", "get"] {
                    let answer = try await client.send(HTTPRequest(method: method, url: frontend.url + path))
                    #expect(answer.status == 405, "\(method) \(path)")
                    #expect(answer.header("Allow") == "GET, HEAD")
                }
            }
            for path in ["/%6detrics", "/metric%73?x=y", "/%68ealthz", "/read%79z", "/%2fmetrics"] {
                #expect(try await client.send(HTTPRequest(url: frontend.url + path)).status == 404, "\(path)")
            }
        }
    }

    @Test("dots in a path lead nowhere: not to what the programs behind keep to themselves")
    func dots() async throws {
        try await with { frontend, seen, client in
            // Encoded, for the client itself takes dots away too.
            for path in [
                "/api/..%2fmetrics", "/api/tasks/..%2f..%2fmetrics", "/api/events/..%2f..%2fdapr%2fsubscribe",
                "/api/.%2ftasks", "/api/tasks%2f..",
            ] {
                let answer = try await client.send(HTTPRequest(url: frontend.url + path))
                #expect(answer.status == 404, "\(path)")
            }
            let forged = HTTPRequest(
                method: "POST",
                url: "\(frontend.url)/api/events/..%2f..%2fevents%2fcreated",
                body: Array("{}".utf8)
            )
            #expect(try await client.send(forged).status == 404)
            #expect(seen.value.map(\.path) == [])
            // Dots that are part of a name are no trick.
            #expect(try await client.send(HTTPRequest(url: "\(frontend.url)/api/..a/b..")).status == 418)
        }
    }

    @Test("a backend that does not answer is a 502 that says so")
    func nobody() async throws {
        try await with(backend: "http://127.0.0.1:\(try freePort())") { frontend, _, client in
            let answer = try await client.send(HTTPRequest(url: "\(frontend.url)/api/tasks"))
            #expect(answer.status == 502)
            #expect(answer.header("Content-Type") == "application/problem+json")
        }
    }

    private func with(
        backend: String? = nil,
        _ body: (Child, Locked<[Request]>, HTTPClient) async throws -> Void
    ) async throws {
        let folder = try temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let client = HTTPClient()
        defer { client.close() }
        let seen = Locked<[Request]>([])
        let backing = try HTTPServer(configuration: .init()) { request, responder in
            seen.value += [request]
            responder.respond(
                .text("backend", status: 418, headers: [("ETag", "\"2\""), ("X-Internal", "10.0.0.1")])
            )
        }
        let events = try HTTPServer(configuration: .init()) { $1.respond(.text("events")) }
        let frontend = try await Child(
            "todo-frontend",
            folder: folder,
            environment: [
                "STATIC": "\(Child.root)/deploy/todo/frontend/static",
                "BACKEND_URL": backend ?? "http://127.0.0.1:\(backing.port)",
                "EVENT_SERVICE_URL": "http://127.0.0.1:\(events.port)/",
            ]
        )
        do {
            try await body(frontend, seen, client)
        } catch {
            await frontend.end()
            throw error
        }
        await frontend.end()
        await backing.stop(grace: .zero)
        await events.stop(grace: .zero)
    }
}
