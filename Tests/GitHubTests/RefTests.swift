import GitHub
import Testing

@Suite struct RefTests {
    @Test(arguments: [
        "refs/heads/main", "refs/heads/feature/one-two", "refs/tags/v1.2.3", "refs/heads/ünïcode-β", "refs/heads/a@b",
        "refs/heads/@", "refs/heads/lock", "refs/heads/a.locks", "refs/heads/{a}", "refs/pull/7/head", "refs/x",
        "refs/heads/a-", "refs/heads/🚀",
    ])
    func accepts(ref: String) {
        #expect(isFullRef(ref))
    }

    @Test(arguments: [
        "", "main", "heads/main", "refs", "refs/", "/refs/heads/main", "REFS/heads/main", "-refs/heads/main",
        "refs/heads/", "refs//heads", "refs/heads//main", "refs/heads/main/", "refs/heads/-main", "refs/-x/main",
        "refs/heads/a..b", "refs/heads/..", "refs/../heads", "refs/heads/.hidden", "refs/.heads/main",
        "refs/heads/main.", "refs/heads/main.lock", "refs/heads/a.lock/b", "refs/heads/a b", "refs/heads/a\0b",
        "refs/heads/a\nb", "refs/heads/a\u{7f}", "refs/heads/a\tb", "refs/heads/a~1", "refs/heads/a^", "refs/heads/a:b",
        "refs/heads/a?", "refs/heads/*", "refs/heads/[a", "refs/heads/a\\b", "refs/heads/a@{1}", "refs/heads/@{",
    ])
    func refuses(ref: String) {
        #expect(!isFullRef(ref))
    }
}
