import Testing

@testable import Git

@Suite struct RemoteURLTests {
    @Test(
        arguments: [
            ("https://github.com/acme/todo.git", "https://github.com/acme/todo.git", 443, nil),
            ("HTTPS://GitHub.com:443/acme/todo.git", "https://github.com/acme/todo.git", 443, nil),
            ("http://h:8080/x", "http://h:8080/x", 8080, nil),
            ("https://ada:p%40ss@h/x", "https://h/x", 443, "ada"),
            ("http://[::1]:81/x", "http://[::1]:81/x", 81, nil),
            ("ssh://git@h:2222/x.git", "ssh://h:2222/x.git", 2222, "git"),
            ("git@github.com:acme/todo.git", "github.com:acme/todo.git", 22, "git"),
            ("git@h:/srv/x.git", "ssh://h/srv/x.git", 22, "git"),
            ("file:///srv/a%20b.git", "file:///srv/a b.git", 0, nil),
            ("/srv/x.git", "file:///srv/x.git", 0, nil),
        ] as [(String, String, Int, String?)]
    )
    func takesApart(text: String, display: String, port: Int, user: String?) throws {
        let url = try RemoteURL(text)
        #expect(url.display == display)
        #expect(url.port == port)
        #expect(url.user == user)
        if text.contains("p%40ss") { #expect(url.password == "p@ss") }
    }

    @Test(arguments: [
        "", "x", "../x", "-x", "git://h/x", "ext::sh", "https://", "https:///x", "https://h", "https://h/",
        "http://h:0/x",
        "http://h:99999/x", "http://h:x/x", "https://h/a b", "https://h/a\nb", "ssh://h/a'b", "ssh://h/a%27b",
        "ssh://-oProxy/x", "file://h/x", "https://a\u{0}b/x", "git@h:-x", "git@h:a$(b)",
    ])
    func refuses(_ text: String) {
        #expect(throws: GitError.self) { try RemoteURL(text) }
    }

    @Test(arguments: [
        ("https://h/acme/todo.git", "../lib.git", "https://h/acme/lib.git"),
        ("https://h/acme/todo.git", "../../other/lib", "https://h/other/lib"),
        ("https://h:8/acme/todo", "./sub", "https://h:8/acme/todo/sub"),
        ("git@h:acme/todo.git", "../lib.git", "h:acme/lib.git"),
        ("https://h/acme/todo", "https://other/x", "https://other/x"),
        ("https://h/acme/todo", "git@other:x/y", "other:x/y"),
    ])
    func resolvesSubmodules(base: String, text: String, display: String) throws {
        #expect(try RemoteURL(base).submodule(text, path: "p").display == display)
    }
}

@Suite struct SubmodulesFileTests {
    @Test func readsTheFormOfGit() throws {
        let text = """
            # comment
            [core]
            \tpath = not/this
            [submodule "a"]
            \tpath = libs/a ; comment
            \turl = https://host/a.git # comment
            [Submodule "b \\"q\\" ]"]
            path="libs/b c"
             url = "https://[::1]:80/b#1" 
            \tupdate = !touch pwned
            [submodule "c"]
            path = c
            url = https://host/\\
            long.git
            [submodule "no-path"]
            url = x
            [submodule "last wins"]
            path = d
            url = one
            url = two
            """
        let urls = try Submodules(text: text).urls
        #expect(
            urls == [
                "libs/a": "https://host/a.git", "libs/b c": "https://[::1]:80/b#1", "c": "https://host/long.git",
                "d": "two",
            ]
        )
    }

    @Test func doesNotFollowIncludes() throws {
        #expect(try Submodules(text: "[include]\n path = /etc/passwd\n").urls.isEmpty)
    }

    @Test(arguments: ["", "[", "[submodule", "[submodule \"", "=", "[submodule \"x\"]\npath", "\\", "\"\\"])
    func survivesWhatIsNoConfiguration(_ text: String) throws {
        #expect(try Submodules(text: text).urls.isEmpty)
    }
}

@Suite struct KnownHostsTests {
    // Made with ssh-keygen and, for the hashed line, ssh-keygen -H.
    static let key = "AAAAC3NzaC1lZDI1NTE5AAAAIGwPvGNbGGcGQVkTGfqcRjcUXpRvz6P9cR0HnqNqDl0K"
    static let other = "AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

    @Test(arguments: [
        ("host ssh-ed25519 KEY", "host", 22, KnownHosts.Verdict.known),
        ("host ssh-ed25519 KEY", "HOST", 22, .known),
        ("host ssh-ed25519 KEY", "host", 2222, .unknown),
        ("[host]:2222 ssh-ed25519 KEY", "host", 2222, .known),
        ("a,host,b ssh-ed25519 KEY comment", "host", 22, .known),
        ("*.example.com ssh-ed25519 KEY", "a.example.com", 22, .known),
        ("*.example.com,!bad.example.com ssh-ed25519 KEY", "bad.example.com", 22, .unknown),
        ("h?st ssh-ed25519 KEY", "host", 22, .known),
        ("host ssh-ed25519 OTHER", "host", 22, .different(kinds: ["ssh-ed25519"])),
        ("host ssh-ed25519 OTHER\nhost ssh-ed25519 KEY", "host", 22, .known),
        ("@revoked host ssh-ed25519 KEY\nhost ssh-ed25519 KEY", "host", 22, .revoked),
        ("@cert-authority * ssh-ed25519 KEY", "host", 22, .unknown),
        ("# host ssh-ed25519 KEY\n\nhost\n", "host", 22, .unknown),
        ("host ssh-ed25519 !!!", "host", 22, .unknown),
        // HMAC-SHA1 of "host" under the salt 0…19.
        ("|1|AAECAwQFBgcICQoLDA0ODxAREhM=|HASHED ssh-ed25519 KEY", "host", 22, .known),
        ("|1|AAECAwQFBgcICQoLDA0ODxAREhM=|HASHED ssh-ed25519 KEY", "else", 22, .unknown),
    ])
    func judges(line: String, host: String, port: Int, verdict: KnownHosts.Verdict) throws {
        let text = line.replacingOccurrences(of: ["KEY": Self.key, "OTHER": Self.other, "HASHED": Self.hashed])
        let key = try #require(base64Decoded(Self.key))
        #expect(KnownHosts(text: text).judge(host: host, port: port, key: key) == verdict)
        #expect(sshKeyKind(key) == "ssh-ed25519")
    }

    static let hashed = "6tbkAfZDulNpJ/cQ7aCK0Bbfp+g="

    @Test(arguments: ["", "a", "ab", "abc", "abcd", "\u{0}\u{ff}"])
    func base64GoesBothWays(_ text: String) {
        #expect(base64Decoded(base64(Array(text.utf8))) == Array(text.utf8))
    }
}

extension String {
    fileprivate func replacingOccurrences(of words: [String: String]) -> String {
        var result = self
        for (word, value) in words {
            while let (before, after) = result.splitOnce(word) { result = before + value + after }
        }
        return result
    }
}
