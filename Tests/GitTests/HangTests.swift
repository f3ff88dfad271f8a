import Foundation
import Git
import Testing

/// Servers that do not answer. What ended the wait is told by the error.
@Suite(.ownThread) struct HangTests {
    struct Case: CustomTestStringConvertible, Sendable {
        let fault: TestServer.Fault
        let isEncrypted: Bool
        let limits: FetchLimits
        let code: GitError.Code
        var testDescription: String { "\(fault) \(isEncrypted ? "https" : "http") \(code)" }
    }

    static let idle = FetchLimits(deadline: .seconds(60), idle: .seconds(1))
    static let deadline = FetchLimits(deadline: .seconds(2), idle: .seconds(60))

    static let cases: [Case] = [
        Case(fault: .silent, isEncrypted: false, limits: idle, code: .idleTimeout),
        Case(fault: .silent, isEncrypted: true, limits: idle, code: .idleTimeout),
        Case(fault: .silent, isEncrypted: true, limits: deadline, code: .deadlineExceeded),
        Case(fault: .silentAfterTLS, isEncrypted: true, limits: idle, code: .idleTimeout),
        Case(fault: .silentAfterTLS, isEncrypted: true, limits: deadline, code: .deadlineExceeded),
        Case(fault: .silentAfterRequest, isEncrypted: false, limits: idle, code: .idleTimeout),
        Case(fault: .silentAfterRequest, isEncrypted: true, limits: deadline, code: .deadlineExceeded),
        Case(fault: .stalledPack, isEncrypted: false, limits: idle, code: .idleTimeout),
        Case(fault: .stalledPack, isEncrypted: true, limits: deadline, code: .deadlineExceeded),
        // Never silent for long, so only the deadline ends it.
        Case(
            fault: .drippingPack,
            isEncrypted: false,
            limits: FetchLimits(deadline: .seconds(3), idle: .seconds(2)),
            code: .deadlineExceeded
        ),
        Case(
            fault: .drippingPack,
            isEncrypted: true,
            limits: FetchLimits(deadline: .seconds(3), idle: .seconds(2)),
            code: .deadlineExceeded
        ),
    ]

    @Test(arguments: cases)
    func endsInTime(_ hang: Case) async throws {
        let scene = try scene(hang.fault, isEncrypted: hang.isEncrypted)
        let mirror = try scene.mirror(caFile: hang.isEncrypted ? scene.scratch.file("server.crt") : nil)
        let ended = await gitError { _ = try await mirror.fetch(refs: [main], limits: hang.limits) }
        #expect(ended?.code == hang.code, "\(String(describing: ended))")
        #expect(ended?.isTransient == true)
        #expect(ended?.message.contains(scene.server.url) == true)
        #expect(packs(mirror).isEmpty)
    }

    @Test(arguments: [TestServer.Fault.silentAfterRequest, .drippingPack, .stalledPack])
    func endsWhenCancelled(fault: TestServer.Fault) async throws {
        let scene = try scene(fault, isEncrypted: false)
        let mirror = try scene.mirror()
        let work = Task { try await mirror.fetch(refs: [main]) }
        try await scene.server.waitForRequest(fault == .silentAfterRequest ? "info/refs" : "git-upload-pack")
        work.cancel()
        let ended = await gitError { _ = try await work.value }
        #expect(ended?.code == .cancelled)
        // The mirror is as good as before, for the next try.
        #expect(try await !mirror.contains(scene.repository.git("rev-parse", "HEAD")))
    }

    @Test func aTaskThatIsCancelledBeforeItStartsDoesNothing() async throws {
        let scene = try scene(.none, isEncrypted: false)
        let mirror = try scene.mirror()
        let work = Task {
            while !Task.isCancelled { await Task.yield() }
            return try await mirror.fetch(refs: [main])
        }
        work.cancel()
        #expect(await gitError { _ = try await work.value }?.code == .cancelled)
        #expect(scene.server.requests.isEmpty)
    }

    @Test(arguments: [TestServer.Fault.cutPack, .unavailable])
    func aBrokenServerIsWorthAnotherTry(fault: TestServer.Fault) async throws {
        let scene = try scene(fault, isEncrypted: false)
        let ended = await gitError { _ = try await scene.mirror().fetch(refs: [main]) }
        #expect(ended?.code == .network, "\(String(describing: ended))")
        #expect(ended?.isTransient == true)
    }

    @Test func aServerThatIsNotThereIsNamed() async throws {
        let scratch = try Scratch()
        for url in ["http://127.0.0.1:1/app.git", "https://nowhere.invalid/app.git", "ssh://127.0.0.1:1/app.git"] {
            let mirror = try Mirror(path: scratch.file(UUID().uuidString), url: url)
            let ended = await gitError { _ = try await mirror.fetch(refs: [main]) }
            #expect(ended?.code == .network, "\(String(describing: ended))")
            #expect(ended?.message.contains(url.contains("invalid") ? "nowhere.invalid" : "127.0.0.1") == true)
        }
    }

    @Test(arguments: [idle, deadline])
    func anSSHServerThatSaysNothingEndsInTime(limits: FetchLimits) async throws {
        let scene = try scene(.silent, isEncrypted: false)
        let mirror = try Mirror(
            path: scene.scratch.file("mirror"),
            url: "ssh://git@127.0.0.1:\(scene.server.port)/app.git"
        )
        let ended = await gitError { _ = try await mirror.fetch(refs: [main], limits: limits) }
        #expect(ended?.code == (limits.idle == .seconds(1) ? .idleTimeout : .deadlineExceeded))
    }

    private func scene(_ fault: TestServer.Fault, isEncrypted: Bool) throws -> Scene {
        try Scene(
            certificate: { isEncrypted ? try TestCertificate(in: $0.path, names: CertificateTests.names) : nil },
            fault: fault,
            prepare: { try $0.commit(["big": noise(100_000)]) }
        )
    }

    private func packs(_ mirror: Mirror) -> [String] {
        let files = try? FileManager.default.contentsOfDirectory(atPath: mirror.path + "/objects/pack")
        return (files ?? []).filter { $0.hasSuffix(".pack") }
    }
}
