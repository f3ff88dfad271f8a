import Foundation
import HTTPClient
import HTTPServer
import Signing
import TestBackend
import Testing

@testable import GitHub

@Suite struct GitHubAPITests {
    private static let status = CommitStatus(
        state: .success,
        description: String(repeating: "x", count: 200),
        context: "fairlead/production",
        link: "https://deploy.example.com/runs/7"
    )

    @Test func `A status is one request with a short description`() async throws {
        try await withBackend([.text("{}", status: 201)]) { backend in
            try await api(backend.url).setStatus(Self.status, on: String(repeating: "a", count: 40), of: "acme/web")
            let request = try #require(backend.requests.first)
            #expect(request.line == "POST /repos/acme/web/statuses/\(String(repeating: "a", count: 40))")
            let body = try #require(
                try JSONSerialization.jsonObject(with: Data(request.body)) as? [String: String]
            )
            #expect(body["description"]?.count == 140)
            #expect(body["target_url"] == "https://deploy.example.com/runs/7")
        }
    }

    @Test func `A deployment merges nothing and waits for nothing`() async throws {
        try await withBackend([.text(#"{"id":42}"#, status: 201)]) { backend in
            let id = try await api(backend.url).createDeployment(
                of: "abc",
                to: "production",
                description: "",
                in: "acme/web"
            )
            #expect(id == 42)
            let body = try #require(backend.requests.first).text
            #expect(body.contains(#""auto_merge":false"#) && body.contains(#""required_contexts":[]"#))
        }
    }

    @Test(arguments: [
        (401, [], GitHubError.Code.unauthorized), (403, [], .forbidden),
        (403, [("Retry-After", "7")], .rateLimited), (403, [("x-ratelimit-remaining", "0")], .rateLimited),
        (429, [], .rateLimited), (404, [], .notFound), (422, [], .invalid), (502, [], .serverError),
    ])
    func `Each refusal has its own code`(status: Int, headers: [(String, String)], code: GitHubError.Code) async throws
    {
        try await withBackend([.text(#"{"message":"no"}"#, status: status, headers: headers)]) { backend in
            let error = await #expect(throws: GitHubError.self) { try await api(backend.url).canSee("acme/web") }
            #expect(error?.code == code)
            #expect(backend.requests.count == 1)
            if headers.first?.0 == "Retry-After" { #expect(error?.retryAfter == .seconds(7)) }
        }
    }

    @Test func `A server that is not there is named`() async throws {
        let error = await #expect(throws: GitHubError.self) {
            try await api("http://127.0.0.1:1").canSee("acme/web")
        }
        #expect(error?.code == .unreachable)
        #expect(error?.isTransient == true)
    }

    @Test func `An app's token is minted once for its installation`() async throws {
        let answers: [Response] = [
            .text(#"{"id":99}"#), .text(#"{"token":"ghs_1","expires_at":"2099-01-01T00:00:00Z"}"#, status: 201),
        ]
        try await withBackend(answers) { backend in
            let api = GitHubAPI(
                credential: .app(id: 5, key: try await AppKey.make(), installation: nil),
                api: backend.url,
                client: HTTPClient()
            )
            for name in ["acme/web", "acme/api"] {
                let token = try await api.token(for: name)
                #expect(token == "ghs_1")
            }
            #expect(backend.requests.count == 2)
            #expect(backend.requests.first?.line == "GET /repos/acme/web/installation")
            #expect(backend.requests.last?.line == "POST /app/installations/99/access_tokens")
            #expect(backend.requests.last?.text.hasPrefix("{") == true)
        }
    }

    @Test func `A token near its end is minted again`() async throws {
        let soon = Date(timeIntervalSinceNow: 60).formatted(.iso8601)
        try await withBackend([.text(#"{"token":"ghs_1","expires_at":"\#(soon)"}"#, status: 201)]) { backend in
            let api = GitHubAPI(
                credential: .app(id: 5, key: try await AppKey.make(), installation: 99),
                api: backend.url,
                client: HTTPClient()
            )
            _ = try await api.token(for: "acme/web")
            _ = try await api.token(for: "acme/web")
            #expect(backend.requests.count == 2)
        }
    }

    @Test func `A repository's name stays two segments`() {
        #expect(path(ofRepository: "acme/../x") == "/repos/acme/..%2Fx")
    }

    private func api(_ url: String) -> GitHubAPI {
        GitHubAPI(credential: .token("t"), api: url, client: HTTPClient())
    }
}
