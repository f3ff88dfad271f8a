import Testing

@testable import Pipelines

@Suite("One spelling for a repository's addresses")
struct RepositoryKeyTests {
    @Test(
        "All ways to write an address come to one",
        arguments: [
            ("https://github.com/Acme/Web.git", "github.com/acme/web"),
            ("https://github.com/acme/web/", "github.com/acme/web"),
            ("https://user:word@github.com/acme/web", "github.com/acme/web"),
            ("git://github.com/acme/web.git", "github.com/acme/web"),
            ("git@github.com:acme/web.git", "github.com/acme/web"),
            ("ssh://git@github.com/acme/web.git/", "github.com/acme/web"),
            ("ssh://git@github.com:2222/acme/web.git", "github.com:2222/acme/web"),
            ("https://git.example.org/a@b/c:d.git", "git.example.org/a@b/c:d"),
            ("/srv/git/web.git", "/srv/git/web"),
            (".git", ""),
            ("", ""),
        ]
    )
    func spelling(url: String, key: String) {
        #expect(RepositoryKey.of(url: url) == key)
    }
}
