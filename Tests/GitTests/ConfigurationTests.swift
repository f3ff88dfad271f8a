import Foundation
import Git
import Testing

@Suite(.ownThread) struct ConfigurationTests {
    @Test func aMirrorsOwnConfigurationDoesNotApply() async throws {
        let scene = try Scene()
        let mirror = try scene.mirror()
        let elsewhere = "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = \(scene.server.url)/\n"
        try elsewhere.write(toFile: mirror.path + "/config", atomically: false, encoding: .utf8)
        #expect(try await mirror.fetch(refs: [main])[main] != nil)
        _ = try scene.mirror()
        #expect(text(mirror.path + "/config") == "")
    }

    @Test func fetchingAgainAndAgainKeepsNoMemory() async throws {
        let scratch = try Scratch()
        let repository = try TestRepository("app", in: scratch.path)
        let mirror = try Mirror(path: scratch.file("mirror"), url: repository.path)
        for _ in 0..<20 { _ = try await mirror.fetch(refs: [main]) }
        let before = try residentPages()
        for _ in 0..<1000 { _ = try await mirror.fetch(refs: [main]) }
        // Other tests run meanwhile. What libgit2 loses with a configuration of three entries would be 30,000 pages.
        #expect(try residentPages() - before < 15_000)
    }

    private func residentPages() throws -> Int {
        let fields = try #require(text("/proc/self/statm")).split(separator: " ")
        return try #require(Int(fields[1]))
    }
}
