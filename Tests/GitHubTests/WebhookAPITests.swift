import Foundation
import HTTPClient
import HTTPServer
import TestBackend
import Testing

@testable import GitHub

@Suite struct WebhookAPITests {
    @Test func `A branch's head is asked for with what is known of it`() async throws {
        let first = Response.text(#"{"object":{"sha":"abc","type":"commit"}}"#, headers: [("ETag", "\"1\"")])
        let unchanged = Response(status: 304, headers: [], body: .bytes([]))
        try await withBackend([first, unchanged]) { backend in
            let head = try await api(backend.url).head(ofBranch: "feature/a b", in: "acme/web")
            #expect(head == BranchHead(revision: "abc", etag: "\"1\""))
            let again = try await api(backend.url).head(ofBranch: "feature/a b", in: "acme/web", known: head)
            #expect(again == head)
            #expect(backend.requests.map(\.line)[0] == "GET /repos/acme/web/git/ref/heads/feature/a b")
            #expect(backend.requests.map { $0.header("If-None-Match") } == [nil, "\"1\""])
        }
    }

    @Test func `The webhook that leads here is found by its address`() async throws {
        let hooks = Response.text(
            #"[{"id":1,"active":true,"config":{"url":"https://other.example/hook"}},"#
                + #"{"id":2,"active":false,"config":{"url":"https://d.example/webhooks/github"}},"#
                + #"{"id":3,"active":true,"config":{"url":"https://d.example/webhooks/github"}}]"#
        )
        try await withBackend([hooks]) { backend in
            let api = api(backend.url)
            let found = try await api.webhook(to: "https://d.example/webhooks/github", of: "acme/web")
            #expect(found == .repository("acme/web", id: 3))
            let other = try await api.webhook(to: "https://e.example/webhooks/github", of: "acme/web")
            #expect(other == nil)
        }
    }

    @Test func `Deliveries come in pages`() async throws {
        let link =
            #"<https://api.github.com/x?per_page=100&cursor=v1_17>; rel="next", <https://x/?cursor=1>; rel="prev""#
        let delivery = """
            [{"id":9,"guid":"g","delivered_at":"2026-07-01T09:30:00Z","redelivery":false,"status_code":502,\
            "event":"push"}]
            """
        try await withBackend([.text(delivery, headers: [("Link", link)]), .text("[]")]) { backend in
            let hook = Webhook.repository("acme/web", id: 3)
            let (page, next) = try await api(backend.url).deliveries(of: hook)
            #expect(page.map(\.id) == [9] && page.first?.status == 502 && next == "v1_17")
            let (rest, end) = try await api(backend.url).deliveries(of: hook, from: next)
            #expect(rest.isEmpty && end == nil)
            let asked = "GET /repos/acme/web/hooks/3/deliveries?per_page=100"
            #expect(backend.requests.map(\.line) == [asked, "\(asked)&cursor=v1_17"])
        }
    }

    @Test func `An app asks about its own webhook, as the app`() async throws {
        try await withBackend([.text("[]"), .text("{}", status: 202)]) { backend in
            let api = GitHubAPI(
                credential: .app(id: 5, key: try await AppKey.make(), installation: 99),
                api: backend.url,
                client: HTTPClient()
            )
            let hook = try #require(try await api.webhook(to: "https://d.example/", of: "acme/web"))
            _ = try await api.deliveries(of: hook)
            try await api.redeliver(9, of: hook)
            #expect(
                backend.requests.map(\.line) == [
                    "GET /app/hook/deliveries?per_page=100", "POST /app/hook/deliveries/9/attempts",
                ]
            )
            #expect(backend.requests.allSatisfy { $0.header("Authorization")?.hasPrefix("Bearer ey") == true })
        }
    }

    private func api(_ url: String) -> GitHubAPI {
        GitHubAPI(credential: .token("t"), api: url, client: HTTPClient())
    }
}
