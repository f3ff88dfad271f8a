import GitHub
import Testing

@Suite struct SkipMarkerTests {
    @Test(arguments: [
        ("[skip ci]", "[skip ci]"), ("chore: release [skip ci]", "[skip ci]"), ("[ci skip] docs", "[ci skip]"),
        ("a\n\nb [no ci]\n", "[no ci]"), ("[skip actions]", "[skip actions]"), ("[actions skip]", "[actions skip]"),
        ("[Skip Deploy] é", "[skip deploy]"), ("[SKIP CI]", "[skip ci]"), ("[[skip ci]]", "[skip ci]"),
        ("[no ci] and [skip ci]", "[no ci]"),
    ])
    func isFound(message: String, marker: String) throws {
        #expect(try push(message).skipMarker == marker)
    }

    @Test(arguments: [
        "", "skip ci", "[skip  ci]", "[skipci]", "[skip ci", "[skip-ci]", "[ skip ci ]", "[deploy skip]", "[",
        "{skip ci}",
        "[\u{13}kip ci]", "[\u{17f}kip ci]",
    ])
    func isNotThere(message: String) throws {
        #expect(try push(message).skipMarker == nil)
    }

    @Test func isNotInAMissingCommit() throws {
        var payload = Payload().setting("deleted", "true").setting("head_commit", "null")
        payload.set("after", "\"\(Payload.zeros)\"")
        #expect(try #require(try payload.decode()).skipMarker == nil)
    }

    private func push(_ message: String) throws -> PushEvent {
        let push = try #require(try Payload().decode())
        return PushEvent(
            ref: push.ref,
            before: push.before,
            after: push.after,
            created: false,
            deleted: false,
            forced: false,
            repository: push.repository,
            headCommit: PushEvent.HeadCommit(
                id: push.after,
                message: message,
                timestamp: nil,
                authorName: nil,
                authorUsername: nil
            ),
            pusher: nil,
            compare: nil,
            sender: nil
        )
    }
}
