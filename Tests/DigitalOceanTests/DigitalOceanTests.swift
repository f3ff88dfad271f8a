import HTTPClient
import HTTPServer
import TestBackend
import Testing

@testable import DigitalOcean

@Suite struct DigitalOceanTests {
    @Test(arguments: [
        (401, DigitalOceanError.Code.unauthorized, "make a new one"),
        (403, .forbidden, "may not do this (the registry acme): no scope"),
        (404, .notFound, "knows nothing of the registry acme"),
        (412, .conflict, "cannot do this now"),
        (422, .invalid, "refuses the request"),
    ])
    func `Each refusal has its own sentence`(status: Int, code: DigitalOceanError.Code, part: String) async throws {
        try await withBackend([.refusal(status)]) { backend in
            let error = await #expect(throws: DigitalOceanError.self) {
                _ = try await api(backend.url).registry("acme")
            }
            #expect(error?.code == code)
            #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
            #expect(error?.requestID == "r-1")
            #expect(backend.requests.map(\.line) == ["GET /v2/registries/acme"])
        }
    }

    @Test func `After 429 it asks again when the server says so`() async throws {
        let answers: [Response] = [.refusal(429, [("Retry-After", "1")]), .json(#"{"registry":{"name":"acme"}}"#)]
        try await withBackend(answers) { backend in
            let start = ContinuousClock.now
            let registry = try await api(backend.url).registry("acme")
            #expect(registry.name == "acme")
            #expect(ContinuousClock.now - start >= .seconds(1))
            #expect(backend.requests.count == 2)
        }
    }

    @Test(arguments: [(429, DigitalOceanError.Code.tooManyRequests), (503, .serverError)])
    func `What lasts beyond the deadline is an error`(status: Int, code: DigitalOceanError.Code) async throws {
        try await withBackend([.refusal(status, [("Retry-After", "3600")])]) { backend in
            let error = await #expect(throws: DigitalOceanError.self) {
                _ = try await api(backend.url).registry("acme")
            }
            #expect(error?.code == code)
            #expect(backend.requests.count == 1)
        }
    }

    @Test func `A fault that passes is tried again`() async throws {
        try await withBackend([.refusal(500), .refusal(502), .json(#"{"registry":{"name":"acme"}}"#)]) { backend in
            let registry = try await api(backend.url).registry("acme")
            #expect(registry.name == "acme")
            #expect(backend.requests.count == 3)
        }
    }

    @Test func `A garbage collection is not started twice`() async throws {
        try await withBackend([.refusal(500)]) { backend in
            _ = await #expect(throws: DigitalOceanError.self) { try await api(backend.url).collectGarbage(of: "acme") }
            #expect(backend.requests.map(\.line) == ["POST /v2/registries/acme/garbage-collection"])
        }
    }

    @Test func `An answer that is a page is named`() async throws {
        try await withBackend([.text("<html>hello</html>")]) { backend in
            let error = await #expect(throws: DigitalOceanError.self) {
                _ = try await api(backend.url).registry("acme")
            }
            #expect(error?.code == .unreachable)
            #expect(error?.message.contains("not one of DigitalOcean's API") == true)
        }
    }

    @Test func `An unknown cluster's error names those that there are`() async throws {
        let clusters = #"{"kubernetes_clusters":[{"id":"1","name":"a"},{"id":"2","name":"b"},{"id":"3","name":"b"}]}"#
        try await withBackend([.json(clusters)]) { backend in
            let unknown = await #expect(throws: DigitalOceanError.self) { _ = try await api(backend.url).cluster("c") }
            #expect(unknown?.message == "there is no cluster c; the token sees a, b, b")
            let several = await #expect(throws: DigitalOceanError.self) { _ = try await api(backend.url).cluster("b") }
            #expect(several?.message == "several clusters are named b: write the id of one of them")
            let cluster = try await api(backend.url).cluster("3")
            #expect(cluster.name == "b")
        }
    }

    @Test func `A name is one segment of the path`() {
        #expect("web/app".percentEncoded == "web%2Fapp")
        #expect("..?#ü".percentEncoded == "..%3F%23%C3%BC")
    }

    @Test(arguments: [(0, true), (3, true), (5, true), (6, false)])
    func `A plan holds so many repositories`(count: Int, fits: Bool) async throws {
        let plan = """
            {"subscription":{"tier":{"slug":"basic","included_repositories":5,"included_storage_bytes":5368709120,
            "allow_storage_overage":true}}}
            """
        try await withBackend([.json(plan)]) { backend in
            let plan = try await api(backend.url).registryPlan()
            #expect(plan.holds(count) == fits)
        }
    }

    private func api(_ url: String) -> DigitalOcean {
        DigitalOcean(token: "t", api: url, client: HTTPClient(), deadline: .seconds(10))
    }
}

extension Response {
    static func json(_ text: String) -> Response { .text(text, headers: [("Content-Type", "application/json")]) }

    static func refusal(_ status: Int, _ headers: [(String, String)] = []) -> Response {
        .text(#"{"id":"x","message":"no scope","request_id":"r-1"}"#, status: status, headers: headers)
    }
}
