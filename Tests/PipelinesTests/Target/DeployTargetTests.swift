import FoundationEssentials
import HTTPClient
import Signing
import Testing

@testable import Pipelines

@Suite("Targets")
struct DeployTargetTests {
    private func definition(_ target: Definition.Target, namespace: String = "todo") -> Definition {
        var definition = ManifestSample.definition()
        definition.deploy.target = target
        definition.deploy.namespace = namespace
        return definition
    }

    @Test("what the podman target renders is the body that it applies")
    func rendersABody() async throws {
        let sample = try ManifestSample(["deploy/web.yaml": ManifestSample.deployment()])
        let server = try TestServer()
        let definition = ManifestSample.definition()
        let image = PushedImage(
            name: "backend",
            origin: .built,
            key: "",
            digest: ManifestSample.digest,
            reference: ManifestSample.reference
        )
        let target = try server.needs.target(of: definition, run: nil)
        let rendered = try await target.render(
            RevisionToRender(checkout: sample.folder.path, images: [image], secrets: ["KEY": Array("s3cret".utf8)]),
            log: CollectedLog(),
            deadline: .now + .seconds(30)
        )
        #expect(try ReleaseBody(json: rendered.body).images == [ManifestSample.reference])
        #expect(rendered.warnings.isEmpty, "\(rendered.warnings)")
        // Recorded, it can be applied again, as far as the server allows what it names.
        var release = TargetRelease(id: 1, environment: "todo", body: rendered.body, images: [image])
        #expect(try target.secrets(of: release).map(\.bytes) == [Array("s3cret".utf8)])
        try await target.admit(release)
        release.images = []
        let refusal = await #expect(throws: StageError.self) { try await target.admit(release) }
        #expect(refusal?.reason.code == "image-refused")
    }

    @Test("a release that was sealed before targets were told apart is opened", arguments: [1, 2])
    func opensOldReleases(version: Int) async throws {
        let server = try TestServer()
        let body = try ManifestSample(["deploy/web.yaml": ManifestSample.deployment()]).render().body
        // Once it was whatever the encoder wrote, in no order.
        let written = version == 1 ? Array(try JSONEncoder().encode(body)) : try body.canonicalJSON()
        let id = try await server.liveRelease(ManifestSample.definition(), body: written)
        let record = try #require(try await server.history.release(id))
        #expect(record.body != written)
        let (release, definition) = try await server.needs.open(record)
        #expect(try ReleaseBody(json: release.body) == body)
        #expect(release.id == id && release.environment == "todo" && definition == ManifestSample.definition())
    }

    @Test(
        "only what is live at the same place is gone back to",
        arguments: [
            (.podman, "todo", true), (.podman, "other", false), (.inCluster, "todo", false),
        ] as [(Definition.Target, String, Bool)]
    )
    func samePlace(target: Definition.Target, namespace: String, isThere: Bool) async throws {
        let server = try TestServer()
        let id = try await server.liveRelease(definition(.podman))
        let deploy = definition(target, namespace: namespace).deploy
        let found = try await server.needs.liveRelease("todo", at: deploy)
        #expect(found?.id == (isThere ? id : nil))
        #expect(try await server.needs.liveRelease("elsewhere", at: deploy)?.id == nil)
    }

    @Test("DigitalOcean without a token is said in a sentence that tells what to write")
    func noToken() async throws {
        let server = try TestServer()
        let target = try server.needs.target(of: definition(.digitalocean(cluster: "shop")), run: nil)
        let error = await #expect(throws: StageError.self) {
            _ = try await target.services([])
        }
        #expect(error?.reason.code == "no-digitalocean-token")
        #expect(error?.reason.message.contains("in fairlead.yaml") == true)
    }
}
