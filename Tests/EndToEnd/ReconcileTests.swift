import Foundation
import HTTPClient
import Pipelines
import Testing

/// Pushes whose webhook never came, with the real program.
extension EndToEnd {
    @Suite("Missed webhooks") struct ReconcileTests {
        private static let branches = ["main", "beta", "gamma"]

        /// A cluster, and a server that looks every second at branches of a GitHub that can be away.
        private static func run(_ body: (World, GitHubHost) async throws -> Void) async throws {
            let github = try GitHubHost()
            do {
                let settings = """
                    public: everything
                    reconcile: 1s
                    url: https://deploy.example
                    github: { token: { env: FL_SECRET }, api: "\(github.api)" }

                    """
                try await ClusterWorld.run(branches: branches, settings: settings) { world, _ in
                    github.origin.value = world.repository
                    for branch in branches {
                        try world.replace(world.repository.url, with: github.url, in: "pipelines/\(branch).yaml")
                        try await world.repository.git("push", "-q", "--force", "origin", "HEAD:refs/heads/\(branch)")
                    }
                    try await world.start()
                    try await body(world, github)
                }
            } catch {
                await github.stop()
                throw error
            }
            await github.stop()
        }

        @Test("GitHub away while pushes happen: the newest of every branch is deployed once it is back, none twice")
        func gitHubAway() async throws {
            try await Self.run { world, github in
                // What is there at first is nobody's push.
                for branch in Self.branches {
                    try await eventually("\(branch) was looked at") { try await world.compared(branch, "noted") }
                }
                #expect(try await world.runs().isEmpty)

                github.setAway(true)
                _ = try await world.repository.push(count: 9, to: Self.branches)
                for branch in Self.branches {
                    try await eventually("\(branch) is not to be seen") { try await world.compared(branch, "failed") }
                }
                // One webhook comes through all the same, and its run finds nobody.
                let beta = try await world.repository.remoteHead("beta")
                let answer = try await world.push(beta, to: "beta", at: github)
                #expect(answer.status == 202)
                let inVain = try await world.finished(try Receipt(answer).runs[0].id)
                #expect(inVain.status == "errored", "\(inVain)")
                github.setAway(false)

                try await world.verifyNewest(Self.branches)
                let runs = try await world.runs().filter { $0.id != inVain.id }
                #expect(runs.count == Self.branches.count && runs.allSatisfy { $0.trigger == "reconcile" }, "\(runs)")
                #expect(github.asked.contains("GET /api/v3/repos/test/sample/git/ref/heads/beta"))

                // The webhooks come at last, as GitHub sends them again: for the heads there is nothing left to do.
                for branch in Self.branches {
                    let head = try await world.repository.remoteHead(branch)
                    let late = try Receipt(try await world.push(head, to: branch, at: github))
                    let known = runs.filter { $0.ref == "refs/heads/\(branch)" }.map(\.id)
                    #expect(late.runs.map(\.id) == known)
                }
                #expect(try await world.runs().count == Self.branches.count + 1)
            }
        }

        @Test("the server down during 100 pushes: the newest of every branch is deployed after its start, none twice")
        func serverDown() async throws {
            try await Self.run { world, github in
                for branch in Self.branches {
                    try await eventually("\(branch) was looked at") { try await world.compared(branch, "noted") }
                }
                let first = try await world.repository.push(count: 3, to: Self.branches)
                for (branch, revision) in first { _ = try await world.push(revision, to: branch, at: github) }
                try await world.verifyNewest(Self.branches)
                await world.kill()
                let pushes = try await world.repository.push(count: 100, to: Self.branches)
                #expect(pushes.count == 100)
                try await world.start()
                try await world.verifyNewest(Self.branches)

                // Somebody asks GitHub to deliver them again, in whatever order.
                for (branch, revision) in pushes.suffix(12).shuffled() {
                    let answer = try await world.push(revision, to: branch, at: github)
                    #expect(answer.status == 202)
                }
                try await world.verifyNewest(Self.branches)
            }
        }

        @Test("deliveries that failed are asked for again, and are answered with the runs that there are")
        func redelivery() async throws {
            try await Self.run { world, github in
                try await eventually("main was looked at") { try await world.compared("main", "noted") }
                let asked = { @Sendable in github.asked.filter { $0.hasSuffix("/attempts") } }
                // The first look only finds out where the list ends.
                try await eventually("the list was read") {
                    github.asked.contains { $0.hasSuffix("/deliveries") } ? true : nil
                }
                let one = try await world.repository.commit(["a": "1"], message: "One")
                let two = try await world.repository.commit(["a": "2"], message: "Two")
                let guids = [UUID().uuidString: one, UUID().uuidString: two]
                github.redeliver.value = { guid in
                    guard let revision = guids[guid] else { return 404 }
                    return (try? await world.push(revision, to: "main", at: github, guid: guid).status) ?? 0
                }
                let refused = UUID().uuidString
                github.note(refused, status: 401)
                for guid in guids.keys { github.note(guid, status: 502) }
                for (guid, revision) in guids {
                    let run = try await eventually("\(guid) has arrived") { () -> World.Listed? in
                        let deliveries = try await world.runs("pipeline=main")
                        return deliveries.first { $0.revision == revision }
                    }
                    _ = try await world.finished(run.id)
                }
                try await world.verifyNewest(["main"])
                try await eventually("both were asked for") { asked().count >= 2 ? true : nil }
                // Once each, and never what was refused.
                #expect(Set(asked()) == ["POST \(GitHubHost.attempts(101))", "POST \(GitHubHost.attempts(102))"])
                #expect(asked().count == 2)
            }
        }

        @Test("a head that asks to be skipped is noted; a branch that is forced back is deployed, and says so")
        func heads() async throws {
            try await Self.run { world, github in
                try await eventually("main was looked at") { try await world.compared("main", "noted") }
                let one = try await world.repository.commit(["a": "1"], message: "One")
                try await eventually("one is live") { try await world.live("main") == one ? true : nil }

                let words = try await world.repository.commit(["a": "2"], message: "Words [skip ci]")
                try await eventually("the words were noted") {
                    let compared = try await world.comparison("main")
                    let reason = compared?["reason"] as? [String: Any]
                    return compared?["revision"] as? String == words && reason?["code"] as? String == "skip-marker"
                        ? true : nil
                }
                #expect(try await world.live("main") == one)

                // A push below words that ask to be skipped is deployed all the same.
                let two = try await world.repository.commit(["a": "3"], message: "Two")
                let more = try await world.repository.commit(["a": "4"], message: "More words [skip ci]")
                let answer = try await world.push(two, to: "main", at: github)
                let below = try await world.finished(try Receipt(answer).runs[0].id)
                #expect(below.revision == two && below.status == "succeeded", "\(below)")
                #expect(try await world.comparison("main")?["revision"] as? String != one)

                try await world.repository.git("push", "-q", "--force", "origin", "\(one):refs/heads/main")
                try await eventually("one is live again") { try await world.live("main") == one ? true : nil }
                let runs = try await world.runs("pipeline=main")
                #expect(runs.map(\.revision) == [one, two, one], "\(runs)")
                #expect(runs.first?.forced == true)
                #expect(!runs.contains { $0.revision == words || $0.revision == more })
            }
        }

        @Test("the newest tag that was missed is deployed, and none that was there before or lies behind what is live")
        func tags() async throws {
            try await Self.run { world, github in
                await world.stop()
                try world.replace("branch: gamma", with: "tags: \"v*\"", in: "pipelines/gamma.yaml")
                try await world.repository.tag("v1", "First")
                try await world.start()
                try await eventually("the tags were looked at") { try await world.compared("gamma", "noted") }
                #expect(try await world.runs("pipeline=gamma").isEmpty)

                await world.kill()
                try await world.repository.commit(["a": "2"], message: "Two")
                try await world.repository.tag("v2", "Second")
                try await world.repository.commit(["a": "3"], message: "Three")
                try await world.repository.tag("v3", "Third")
                let newest = try await world.repository.head()
                try await world.start()
                try await eventually("v3 is live") { try await world.live("gamma") == newest ? true : nil }
                #expect(try await world.runs("pipeline=gamma").map(\.ref) == ["refs/tags/v3"])

                // An old version that somebody tags late.
                try await world.repository.git("push", "-q", "origin", "HEAD~1:refs/tags/v2.1")
                try await eventually("v2.1 was looked at") {
                    let reason = try await world.comparison("gamma")?["reason"] as? [String: Any]
                    return reason?["code"] as? String == "behind-live" ? true : nil
                }
                #expect(try await world.live("gamma") == newest)
            }
        }
    }
}

extension World {
    /// A run in the API's list.
    fileprivate struct Listed: Decodable {
        let id: Int64
        let status, trigger, ref: String
        let revision: String?
        let forced: Bool
    }

    private struct Page: Decodable { let runs: [Listed] }

    /// Newest first.
    fileprivate func runs(_ query: String = "") async throws -> [Listed] {
        let answer = try await get("/api/v1/runs?limit=100&\(query)")
        return try JSONDecoder().decode(Page.self, from: Data(answer.body)).runs
    }

    fileprivate func comparison(_ pipeline: String) async throws -> [String: Any]? {
        try await get("/api/v1/pipelines/\(pipeline)").json()["compared"] as? [String: Any]
    }

    /// True once the last look had this outcome.
    fileprivate func compared(_ pipeline: String, _ outcome: String) async throws -> Bool? {
        try await comparison(pipeline)?["outcome"] as? String == outcome ? true : nil
    }

    fileprivate func live(_ pipeline: String) async throws -> String? {
        (try await get("/api/v1/pipelines/\(pipeline)").json()["live"] as? [String: Any])?["revision"] as? String
    }

    fileprivate func push(
        _ revision: String,
        to branch: String,
        at github: GitHubHost,
        guid: String = UUID().uuidString
    ) async throws -> HTTPResponse {
        try await push(revision, ref: "refs/heads/\(branch)", guid: guid) { payload in
            var repository = payload["repository"] as? [String: Any] ?? [:]
            repository["clone_url"] = github.url
            return payload.merging(["repository": repository]) { $1 }
        }
    }

    /// Waits until every branch's head is live and nothing is under way, and looks whether anything was deployed twice.
    fileprivate func verifyNewest(_ branches: [String]) async throws {
        for branch in branches {
            let head = try await repository.remoteHead(branch)
            try await eventually("the head of \(branch) is live") { try await live(branch) == head ? true : nil }
        }
        let runs = try await eventually("every run is over") { () -> [Listed]? in
            let runs = try await self.runs()
            return runs.allSatisfy { $0.status != "queued" && $0.status != "running" } ? runs : nil
        }
        let deployed = runs.filter { $0.status == "succeeded" }.map { "\($0.ref) \($0.revision ?? "")" }
        #expect(Set(deployed).count == deployed.count, "\(deployed)")
    }
}

extension Repository {
    /// Pushes so many commits, to each branch in turn, as quickly as git does. Returns them in order.
    fileprivate func push(count: Int, to branches: [String]) async throws -> [(branch: String, revision: String)] {
        let script = """
            set -eu
            count=$1; shift
            for number in $(seq "$count"); do
                branch=$1; shift; set -- "$@" "$branch"
                git commit -q --allow-empty -m "Change $number of $branch"
                git push -q --force origin "HEAD:refs/heads/$branch"
                echo "$branch $(git rev-parse HEAD)"
            done
            """
        let output = try await sh(
            "/bin/sh",
            ["-c", script, "sh", "\(count)"] + branches,
            folder: folder,
            environment: [
                "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "Test",
                "GIT_AUTHOR_EMAIL": "test@localhost", "GIT_COMMITTER_NAME": "Test",
                "GIT_COMMITTER_EMAIL": "test@localhost",
            ]
        ).output
        return output.split(separator: "\n").map {
            let words = $0.split(separator: " ")
            return (String(words[0]), String(words[1]))
        }
    }

    fileprivate func tag(_ name: String, _ message: String) async throws {
        try await git("tag", "-a", name, "-m", message)
        try await git("push", "-q", "origin", name)
    }
}
