import Foundation
import Testing

/// Repositories that cannot be cloned: many pipelines on one server, side by side.
extension EndToEnd {
    @Suite("What cannot be cloned") struct CloneFaultTests {
        struct Case: Sendable {
            let name: String
            var path = "sample.git"
            var branch = "main"
            /// What a push announces; nil for a run that is started by hand.
            var revision: String?
            var status = "failed"
            let code: String
            let words: [String]
        }

        static let cases: [Case] = [
            Case(name: "gone", path: "gone.git", code: "repository-not-found", words: ["gone.git"]),
            Case(name: "branchless", branch: "absent", code: "ref-not-found", words: ["refs/heads/absent"]),
            Case(
                name: "revisionless",
                revision: String(repeating: "ab", count: 20),
                code: "revision-not-found",
                words: ["abababab", "after 1s"]
            ),
            Case(
                name: "locked",
                path: "locked.git",
                status: "errored",
                code: "git-authentication",
                words: ["locked.git"]
            ),
            Case(name: "silent", status: "errored", code: "git-timeout", words: ["nothing for 1"]),
            Case(name: "nobody", status: "errored", code: "git-network", words: ["refused"]),
            Case(
                name: "local-submodule",
                branch: "local",
                code: "unsafe-submodule",
                words: ["lib", "path on this machine"]
            ),
            Case(name: "stray-submodule", branch: "stray", code: "unsafe-path", words: ["../../outside"]),
            Case(
                name: "stray-link",
                branch: "link",
                code: "unsafe-path",
                words: ["way-out", "leads out of the checkout"]
            ),
        ]

        @Test("each repository that cannot be cloned ends its run in words, and in time")
        func faults() async throws {
            let settings = """
                public: everything
                limits: { fetchIdle: 1s, revisionWait: 1s, retryFor: 4s, cloneDeadline: 30s }
                git: { credentials: [{ host: 127.0.0.1, user: deploy, password: { env: FL_OTHER_SECRET } }] }

                """
            try await World.run(settings: settings, serve: false) { world in
                try await world.repository.pushUnsafeBranches()
                let (silent, nobody) = (try SilentServer(), try freeLoopbackPort())
                let base = world.repository.url.replacing("sample.git", with: "")
                for example in Self.cases {
                    let url =
                        switch example.name {
                        case "silent": "http://127.0.0.1:\(silent.port)/x.git"
                        case "nobody": "http://127.0.0.1:\(nobody)/x.git"
                        default: base + example.path
                        }
                    let file = try String(contentsOfFile: "\(world.folder)/pipelines/web.yaml", encoding: .utf8)
                        .replacing("name: web\n", with: "name: \(example.name)\n")
                        .replacing(
                            #""\#(world.repository.url)", branch: main"#,
                            with: #""\#(url)", branch: \#(example.branch)"#
                        )
                    try world.write("pipelines/\(example.name).yaml", file)
                }
                try await world.start()
                let token = try await world.token()
                var runs: [(Case, Int64)] = []
                for example in Self.cases {
                    if let revision = example.revision {
                        let receipt = try Receipt(try await world.push(revision))
                        let run = try #require(receipt.runs.first { $0.pipeline == example.name })
                        runs.append((example, run.id))
                        continue
                    }
                    let path = "/api/v1/pipelines/\(example.name)/runs"
                    let answer = try await world.request("POST", path, token: token)
                    runs.append((example, Int64(try #require(try answer.json()["id"] as? Int))))
                }
                for (example, id) in runs {
                    let run = try await world.finished(id)
                    let shown = "\(example.name): \(run.status) \(String(describing: run.reason))"
                    #expect(run.status == example.status, "\(shown)")
                    #expect(run.stage("clone").status == example.status, "\(shown)")
                    #expect(run.stage("build").status == "skipped", "\(shown)")
                    #expect(run.reason?.code == example.code, "\(shown)")
                    for words in example.words { #expect(run.reason?.message.contains(words) == true, "\(shown)") }
                    #expect(!(try await world.log(id, "clone")).contains(World.otherSecret))
                }
                let checkouts = try FileManager.default.contentsOfDirectory(atPath: "\(world.data)/checkouts")
                #expect(checkouts.isEmpty, "\(checkouts)")
                withExtendedLifetime(silent) {}
            }
        }
    }
}

extension Repository {
    /// Branches that git itself would rather not make, each with one thing that must not be followed.
    fileprivate func pushUnsafeBranches() async throws {
        let zeroes = String(repeating: "1", count: 40)
        func branch(_ name: String, _ body: () async throws -> Void) async throws {
            try await git("checkout", "-q", "-B", name, "main")
            try await body()
            try await commit([:], message: name, branch: name)
        }
        func submodule(path: String, url: String) throws {
            try "[submodule \"lib\"]\n\tpath = \(path)\n\turl = \(url)\n"
                .write(toFile: "\(folder)/.gitmodules", atomically: true, encoding: .utf8)
        }
        try await branch("local") {
            try submodule(path: "lib", url: "file:///etc")
            // Without its folder, `git add --all` would take the submodule away again.
            try FileManager.default.createDirectory(atPath: "\(folder)/lib", withIntermediateDirectories: false)
            try await git("update-index", "--add", "--cacheinfo", "160000,\(zeroes),lib")
        }
        try await branch("stray") { try submodule(path: "../../outside", url: "../sample.git") }
        try await branch("link") {
            try FileManager.default.createSymbolicLink(
                atPath: "\(folder)/way-out",
                withDestinationPath: "../../../etc/passwd"
            )
        }
        try await git("checkout", "-q", "main")
    }
}
