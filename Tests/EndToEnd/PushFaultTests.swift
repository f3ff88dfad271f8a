import Foundation
import Testing

/// Registries that do not take an image: three pipelines of one repository on one server, side by side.
extension EndToEnd {
    @Suite("What cannot be pushed") struct PushFaultTests {
        @Test("a registry that is down, frozen, or does not let us in is told apart, within the stage's deadline")
        func registries() async throws {
            try await World.run(serve: false) { world in
                let (port, frozen) = (try freeLoopbackPort(), try SilentServer())
                let addresses = [
                    "down": "127.0.0.1:\(try freeLoopbackPort())", "frozen": "127.0.0.1:\(frozen.port)",
                    // The embedded one, by a name for which another password is configured.
                    "locked": "localhost:\(port)",
                ]
                try world.replace("embedded: true", with: "embedded: true, port: \(port)", in: "fairlead.yaml")
                let registries = addresses.values.map {
                    "{ address: \"\($0)\", user: fairlead, password: { env: FL_OTHER_SECRET }, insecure: true }"
                }
                let more = """
                    limits: { retryFor: 4s, pushDeadline: 20s }
                    registries: [\(registries.joined(separator: ", "))]
                    public: everything
                    """
                try world.replace("public: everything", with: more, in: "fairlead.yaml")
                let web = try String(contentsOfFile: "\(world.folder)/pipelines/web.yaml", encoding: .utf8)
                for (name, address) in addresses {
                    let registry = "name: \(name)\nregistry: { address: \"\(address)\" }\n"
                    try world.write("pipelines/\(name).yaml", web.replacing("name: web\n", with: registry))
                }
                try FileManager.default.removeItem(atPath: "\(world.folder)/pipelines/web.yaml")
                try await world.start()
                let receipt = try Receipt(try await world.push(try await world.repository.head()))
                #expect(receipt.runs.count == 3)
                let codes = [
                    "down": "registry-unreachable", "frozen": "deadline-exceeded", "locked": "registry-authentication",
                ]
                for accepted in receipt.runs {
                    let run = try await world.finished(accepted.id)
                    let shown = "\(accepted.pipeline): \(run.status) \(String(describing: run.reason))"
                    #expect(run.status == "errored", "\(shown)")
                    #expect(run.stage("build").status == "succeeded", "\(shown)")
                    #expect(run.stage("push").status == "errored", "\(shown)")
                    #expect(run.stage("deploy").status == "skipped", "\(shown)")
                    #expect(run.reason?.code == codes[accepted.pipeline], "\(shown)")
                    #expect(run.reason?.message.contains(addresses[accepted.pipeline] ?? "?") == true, "\(shown)")
                    let log = try await world.log(accepted.id, "push")
                    #expect(!log.contains(World.otherSecret))
                }
                #expect(try await world.containers().isEmpty)
                withExtendedLifetime(frozen) {}
            }
        }
    }
}
