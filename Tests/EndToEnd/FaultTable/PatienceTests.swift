import Foundation
import Testing

/// Peers that go away and come back, with the limits that a server has by itself.
extension EndToEnd {
    @Suite("Peers that come back") struct PatienceTests {
        @Test("a git host and a registry that answer again after some tries are waited for, each in its stage")
        func comeBack() async throws {
            try await World.run(serve: false) { world in
                try await Registry.run(in: world.folder) { registry in
                    let url = world.repository.url
                    let git = try FaultProxy(
                        to: try #require(UInt16(url.split(separator: ":")[2].prefix { $0 != "/" }))
                    )
                    let images = try FaultProxy(to: registry.port)
                    defer {
                        git.stop()
                        images.stop()
                    }
                    let address = "127.0.0.1:\(images.port)"
                    try world.replace(
                        "registry: { embedded: true }",
                        with: "registries: [{ address: \"\(address)\", insecure: true }]",
                        in: "fairlead.yaml"
                    )
                    let proxied = "http://127.0.0.1:\(git.port)/cgi-bin/git/sample.git"
                    try world.replace(url, with: proxied, in: "pipelines/web.yaml")
                    try world.replace(
                        "name: web\n",
                        with: "name: web\nregistry: { address: \"\(address)\" }\n",
                        in: "pipelines/web.yaml"
                    )
                    try await world.start()
                    try git.set(PeerFault(.refuse))
                    try images.set(PeerFault(.refuse))
                    let answer = try await world.push(try await world.repository.head()) { payload in
                        var repository = payload["repository"] as? [String: Any] ?? [:]
                        repository["clone_url"] = proxied
                        return payload.merging(["repository": repository]) { $1 }
                    }
                    let run = try #require(try Receipt(answer).runs.first).id
                    for (stage, proxy) in [("clone", git), ("push", images)] {
                        try await eventually("\(stage) was tried three times", seconds: 60) {
                            try await world.log(run, stage).contains("try 3: ") ? true : nil
                        }
                        try proxy.set(nil)
                    }
                    let ended = try await world.finished(run)
                    #expect(ended.status == "succeeded", "\(String(describing: ended.reason))")
                    #expect(ended.attempts.count == ended.stages.count)
                }
            }
        }
    }
}
