import Foundation
import Git
import Testing

@Suite(.ownThread) struct ConfigurationTests {
    /// Empty, too, because libgit2 loses memory for each entry that a pattern misses.
    @Test func aMirrorsOwnConfigurationDoesNotApply() async throws {
        let scene = try Scene()
        let mirror = try scene.mirror()
        let elsewhere = "[url \"http://127.0.0.1:1/\"]\n\tinsteadOf = \(scene.server.url)/\n"
        try elsewhere.write(toFile: mirror.path + "/config", atomically: false, encoding: .utf8)
        #expect(try await mirror.fetch(refs: [main])[main] != nil)
        _ = try scene.mirror()
        #expect(text(mirror.path + "/config") == "")
    }
}
