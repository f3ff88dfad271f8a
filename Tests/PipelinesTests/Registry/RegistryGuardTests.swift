import Foundation
import TestBackend
import Testing

@testable import Pipelines

/// A registry of DigitalOcean that is kept small.
@Suite("RegistryGuard", .timeLimit(.minutes(2)))
struct RegistryGuardTests {
    private static let plan = RegistryGuard.Plan(registry: "acme", repositories: ["shop/web": 2])

    private static func digest(_ number: Int) -> String {
        let digits = String(number, radix: 16)
        return "sha256:" + String(repeating: "0", count: 64 - digits.count) + digits
    }

    /// Image number 1 is the oldest.
    private static func images(_ count: Int) -> [(digest: String, updatedAt: String)] {
        (1...count).map { (digest($0), String(format: "2026-01-01T%02d:%02d:00Z", $0 / 60, $0 % 60)) }.reversed()
    }

    private static func state(_ count: Int) -> TestDigitalOcean.State {
        var state = TestDigitalOcean.State()
        state.images = ["shop/web": images(count), "else/where": images(9)]
        return state
    }

    private static func pushed(_ number: Int) -> PushedImage {
        PushedImage(
            name: "web",
            origin: .built,
            key: "",
            digest: digest(number),
            reference: "registry.digitalocean.com/acme/shop/web@\(digest(number))"
        )
    }

    /// A server that knows the registry, with releases of these images: each was live until the next came.
    private static func with(
        _ state: TestDigitalOcean.State,
        releases: [Int] = [],
        _ body: (TestServer, RunDependencies, TestDigitalOcean) async throws -> Void
    ) async throws {
        try await TestDigitalOcean.with(state) { service in
            let server = try TestServer()
            var needs = server.needs
            needs.settings.use(service)
            for number in releases {
                let release = try await server.history.beginRelease(
                    environment: "shop",
                    run: try await server.run(definition),
                    body: [],
                    images: [pushed(number)]
                )
                try await server.history.markLive(release)
            }
            try await body(server, needs, service)
        }
    }

    private static var definition: Definition {
        var definition = Definition.sample("shop")
        definition.registry = .digitalocean("acme", keep: 2)
        return definition
    }

    private func look(
        _ cleaner: RegistryGuard,
        isDone: Bool = true,
        at location: SourceLocation = #_sourceLocation
    ) async throws {
        let found = try await cleaner.clean(Self.plan)
        #expect(found == isDone, sourceLocation: location)
    }

    @Test(
        "what is older than the newest goes, but for what is served or in reach of a rollback; then its space is freed"
    )
    func clean() async throws {
        // 5 is live; 3 and 4 are two releases back, 1 is beyond.
        try await Self.with(Self.state(9), releases: [1, 3, 4, 5]) { _, needs, service in
            try await look(RegistryGuard(needs))
            #expect(service.now.deleted == [7, 6, 2, 1].map { "shop/web@\(Self.digest($0))" })
            #expect(service.now.images["else/where"]?.count == 9)
            #expect(service.now.collections == 1)
            #expect(service.lines.last == "POST /v2/registries/acme/garbage-collection")
            service.change { $0.garbageCollection = nil }
            try await look(RegistryGuard(needs))
            #expect(service.now.deleted.count == 4 && service.now.collections == 1)
        }
    }

    @Test("what a rollback is to apply again stays while it waits, however far back it is")
    func rollback() async throws {
        try await Self.with(Self.state(9), releases: [1, 3, 4, 5]) { server, needs, service in
            let rollback = try await server.history.enqueueRollback(
                pipeline: "shop",
                environment: "shop",
                to: 1,
                hold: .untilResumed,
                by: nil
            )
            #expect(try rollback.get() > 4)
            try await look(RegistryGuard(needs))
            #expect(service.now.deleted == [7, 6, 2].map { "shop/web@\(Self.digest($0))" })
        }
    }

    @Test("what is being applied stays, and a release that was undone keeps nothing")
    func applying() async throws {
        try await Self.with(Self.state(6)) { server, needs, service in
            for number in [1, 2] {
                let release = try await server.history.beginRelease(
                    environment: "shop",
                    run: try await server.run(Self.definition),
                    body: [],
                    images: [Self.pushed(number)]
                )
                if number == 2 { try await server.history.markUndone(release) }
            }
            try await look(RegistryGuard(needs))
            #expect(service.now.deleted == [4, 3, 2].map { "shop/web@\(Self.digest($0))" })
        }
    }

    @Test("what a run has pushed or found to reuse stays while it waits, or may be run again from there")
    func outputs() async throws {
        try await Self.with(Self.state(9)) { server, needs, service in
            let epoch = try server.history.beginEpoch()
            func record(_ stage: StageName, _ output: some Encodable, run: Int64) async throws {
                try await server.history.finishAttempt(
                    run: run,
                    stage: stage,
                    attempt: try await server.history.startAttempt(run: run, stage: stage),
                    status: .succeeded,
                    reason: nil,
                    output: Array(try JSONEncoder().encode(output))
                )
            }
            // Two that are over, of which the newest may be run again, and one that a server has left in the midst of it.
            for number in [1, 2, 3] {
                let run = try await server.run(Self.definition)
                _ = try await server.history.claimNext(epoch: epoch)
                let built = BuiltImage(
                    name: "web",
                    id: nil,
                    origin: .reused,
                    key: "",
                    reference: Self.pushed(number + 3).reference
                )
                try await record(.build, BuildOutput(images: [built]), run: run)
                try await record(.push, PushOutput(images: [Self.pushed(number)]), run: run)
                if number < 3 { try await server.history.finishRun(run, status: .failed, reason: nil) }
            }
            try await look(RegistryGuard(needs))
            #expect(service.now.deleted == [7, 4, 1].map { "shop/web@\(Self.digest($0))" })
        }
    }

    @Test("nothing is asked while a run builds or pushes, and a run waits while it is cleaned")
    func inUse() async throws {
        try await Self.with(Self.state(6)) { _, needs, service in
            let (entered, enter) = AsyncStream<Void>.makeStream()
            let (released, release) = AsyncStream<Void>.makeStream()
            let push = Task {
                try await needs.registryUse.with(["acme"]) {
                    enter.finish()
                    for await _ in released {}
                    return service.now.deleted.count
                }
            }
            for await _ in entered {}
            try await look(RegistryGuard(needs), isDone: false)
            #expect(service.lines.isEmpty)
            release.finish()
            #expect(try await push.value == 0)

            // The other way round: whoever comes meanwhile finds the registry cleaned.
            let seen = try await needs.registryUse.whileUnused("acme") {
                let next = Task { try await needs.registryUse.with(["acme"]) { service.now.deleted.count } }
                let second = try await needs.registryUse.whileUnused("acme") { true }
                #expect(second == nil)
                let other = try await needs.registryUse.with(["other"]) { true }
                #expect(other)
                service.change { $0.images["shop/web"]?.removeLast() }
                return next
            }
            #expect(try await seen?.value == 0)
            try await look(RegistryGuard(needs))
            #expect(service.now.deleted.count == 3)
        }
    }

    @Test("a run that waits for it is cancelled at once, and is left to the next server when this one goes")
    func waiting() async throws {
        try await Self.with(Self.state(6)) { server, needs, _ in
            let epoch = try server.history.beginEpoch()
            for isStopping in [false, true] {
                let id = try await server.run(Self.definition)
                let claimed = try #require(try await server.history.claimNext(epoch: epoch).first)
                _ = try await needs.registryUse.whileUnused("acme") {
                    let run = Task { await Road(needs).travel(claimed) }
                    if isStopping {
                        needs.stopping.set()
                    } else {
                        _ = try await server.history.requestCancel(run: id)
                    }
                    run.cancel()
                    await run.value
                }
                let run = try #require(try await server.history.runSummary(id))
                #expect(run.status == (isStopping ? .running : .cancelled), "\(run.reason?.message ?? "")")
            }
        }
    }

    @Test("while the registry collects garbage nothing is deleted, and it is looked at again soon")
    func readOnly() async throws {
        var state = Self.state(6)
        state.garbageCollection = "waiting for write JWTs to expire"
        try await Self.with(state) { _, needs, service in
            try await look(RegistryGuard(needs), isDone: false)
            #expect(service.lines == ["GET /v2/registries/acme/garbage-collection"])
            service.change { $0.garbageCollection = nil }
            try await look(RegistryGuard(needs))
            #expect(service.now.deleted.count == 4)
        }
    }

    @Test("a garbage collection that could not be started is started at the next look", arguments: [412, 500])
    func refused(status: Int) async throws {
        var state = Self.state(6)
        state.refusals = [status]
        try await Self.with(state) { _, needs, service in
            let cleaner = RegistryGuard(needs)
            await #expect(throws: (any Error).self) { _ = try await cleaner.clean(Self.plan) }
            #expect(service.now.deleted.count == 4 && service.now.collections == 0)
            try await look(cleaner)
            #expect(service.now.deleted.count == 4 && service.now.collections == 1)
        }
    }

    @Test("a registry with much in it is cleaned bit by bit, and its garbage is collected once, at the end")
    func much() async throws {
        try await Self.with(Self.state(RegistryGuard.most + 10)) { _, needs, service in
            let cleaner = RegistryGuard(needs)
            try await look(cleaner, isDone: false)
            #expect(service.now.deleted.count == RegistryGuard.most && service.now.collections == 0)
            try await look(cleaner)
            #expect(service.now.images["shop/web"]?.map(\.digest) == [60, 59].map(Self.digest))
            #expect(service.now.collections == 1)
        }
    }

    @Test("a repository that nothing was pushed to yet has nothing to delete, and a token without the right says so")
    func others() async throws {
        try await Self.with(TestDigitalOcean.State()) { _, needs, service in
            try await look(RegistryGuard(needs))
            service.change {
                $0.images = ["shop/web": Self.images(6)]
                $0.refused["/v2/registries/acme/repositories/"] = (403, "You are not authorized")
            }
            let error = await #expect(throws: (any Error).self) { _ = try await RegistryGuard(needs).clean(Self.plan) }
            #expect("\(error.map { "\($0)" } ?? "")".contains("may not do this"))
            #expect(service.now.collections == 0)
        }
    }

    @Test("only pipelines that say how much is kept have their repositories cleaned")
    func plans() {
        var (kept, other, elsewhere) = (Self.definition, Definition.sample("two"), Definition.sample("three"))
        kept.images = ["web", "api"].map {
            Definition.Image(name: $0, context: ".", dockerfile: nil, target: nil, args: [:])
        }
        other.registry = .digitalocean("acme", keep: nil)
        elsewhere.registry = .digitalocean("other", keep: 5)
        #expect(
            RegistryGuard.plans([kept, other, elsewhere, .sample("four")]) == [
                RegistryGuard.Plan(registry: "acme", repositories: ["shop/web": 2, "shop/api": 2]),
                RegistryGuard.Plan(registry: "other", repositories: ["three/web": 5]),
            ]
        )
    }

    @Test("a push waits while the registry collects garbage, and says so")
    func push() async throws {
        var state = Self.state(1)
        state.garbageCollection = "scanning manifests"
        try await Self.with(state) { _, needs, service in
            let log = CollectedLog()
            var registry = DigitalOceanRegistry(name: "acme", api: try needs.digitalOcean())
            registry.pause = .milliseconds(5)
            async let wait: Void = registry.waitForGarbageCollection(log: log)
            await log.wait(for: "takes no push meanwhile")
            service.change { $0.garbageCollection = nil }
            try await wait
            #expect(
                log.text == """
                    The registry acme collects garbage (scanning manifests) and takes no push meanwhile: waiting. It can \
                    take a quarter of an hour
                    The registry acme takes pushes again

                    """
            )
        }
    }

    @Test("a push that the plan has no room for, or that a garbage collection overtook, is told in better words")
    func explained() async throws {
        try await Self.with(Self.state(1)) { _, needs, service in
            service.change { $0.repositoriesInPlan = 2 }
            let registry = DigitalOceanRegistry(name: "acme", api: try needs.digitalOcean())
            let denied = StageError(.errored, "registry-denied", "denied: requested access to the resource is denied")
            let full = await registry.explain(denied, pushingTo: "shop/api")
            #expect(full.reason.code == "registry-plan-full")
            #expect(full.reason.message.contains("The plan basic of the registry acme holds 2 repositories"))
            // It is there already: then the plan is not to blame.
            #expect(await registry.explain(denied, pushingTo: "shop/web").reason == denied.reason)
            service.change { $0.garbageCollection = "requested" }
            #expect(
                await registry.explain(denied, pushingTo: "shop/web").reason.code == "registry-garbage-collection"
            )
        }
    }
}

extension ServerSettings {
    mutating func use(_ service: TestDigitalOcean) {
        digitalocean = DigitalOceanAccess(token: SecretValue(TestDigitalOcean.token), api: service.url)
        limits.digitaloceanDeadline = 5
    }
}
