import GitHub
import Testing

@Suite struct PushDecodingTests {
    @Test func readsEveryField() throws {
        let push = try #require(try Payload().decode())
        let expected = PushEvent(
            ref: "refs/heads/main",
            before: Payload.before,
            after: Payload.after,
            created: false,
            deleted: false,
            forced: true,
            repository: PushEvent.Repository(
                id: 186_853_002,
                fullName: "acme/todo",
                cloneURL: "https://github.com/acme/todo.git",
                gitURL: "git://github.com/acme/todo.git",
                sshURL: "git@github.com:acme/todo.git",
                htmlURL: "https://github.com/acme/todo",
                defaultBranch: "main",
                isPrivate: true
            ),
            headCommit: PushEvent.HeadCommit(
                id: Payload.after,
                message: "Mend — it 🚀",
                timestamp: "2026-01-02T03:04:05+01:00",
                authorName: "Ada",
                authorUsername: "ada"
            ),
            pusher: "ada",
            compare: "https://github.com/acme/todo/compare/a...b",
            sender: "ada"
        )
        #expect(push == expected)
    }

    @Test(arguments: [
        "created", "deleted", "forced", "compare", "pusher", "pusher.name", "sender", "sender.login",
        "head_commit.timestamp", "head_commit.author", "repository.clone_url", "repository.git_url",
        "repository.ssh_url", "repository.html_url", "repository.default_branch", "repository.private",
    ])
    func doesWithout(field: String) throws {
        #expect(try Payload().setting(field, nil).decode() != nil)
        #expect(try Payload().setting(field, "null").decode() != nil)
    }

    @Test func whatMayBePrivateIs() throws {
        let push = try #require(try Payload().setting("repository.private", nil).decode())
        #expect(push.repository.isPrivate)
    }

    @Test func readsADeletedBranch() throws {
        var payload = Payload()
        payload.set("after", "\"\(Payload.zeros)\"")
        payload.set("deleted", "true")
        payload.set("head_commit", "null")
        let push = try #require(try payload.decode())
        #expect(push.deleted)
        #expect(push.headCommit == nil)
        // Older recordings do not say it in so many words.
        #expect(try #require(try payload.setting("deleted", nil).decode()).deleted)
    }

    @Test func readsATagThatLeadsToNoCommit() throws {
        var payload = Payload()
        payload.set("ref", #""refs/tags/tree-of-v1""#)
        payload.set("head_commit", "null")
        #expect(try #require(try payload.decode()).headCommit == nil)
    }

    @Test func readsSHA256AndUpperCase() throws {
        var payload = Payload()
        payload.set("before", "\"\(String(repeating: "AB", count: 32))\"")
        payload.set("after", "\"\(String(repeating: "cD", count: 32))\"")
        let push = try #require(try payload.decode())
        #expect(push.before == String(repeating: "ab", count: 32))
        #expect(push.after == String(repeating: "cd", count: 32))
    }

    @Test func noticesACreatedBranch() throws {
        let payload = Payload().setting("before", "\"\(Payload.zeros)\"").setting("created", nil)
        #expect(try #require(try payload.decode()).created)
    }

    @Test(arguments: [
        "ref", "before", "after", "repository", "repository.id", "repository.full_name", "head_commit",
        "head_commit.id",
        "head_commit.message",
    ])
    func refusesWithout(field: String) {
        expectFault(in: Payload().setting(field, nil).bytes, field)
        expectFault(in: Payload().setting(field, "null").bytes, field)
    }

    @Test(arguments: [
        ("ref", "7"), ("ref", "true"), ("ref", #"["refs/heads/main"]"#), ("ref", #"{"name": "refs/heads/main"}"#),
        ("before", "0"), ("after", "1913"), ("created", #""false""#), ("deleted", "0"), ("forced", "[]"),
        ("compare", "{}"), ("head_commit", #""none""#), ("head_commit", "[]"), ("head_commit.id", "5"),
        ("head_commit.message", "12"), ("head_commit.timestamp", "1700000000"), ("head_commit.author", #""Ada""#),
        ("repository", "[]"), ("repository", #""acme/todo""#), ("repository.id", #""186853002""#),
        ("repository.id", "1.5"), ("repository.id", "1e3"), ("repository.id", "true"), ("repository.full_name", "5"),
        ("repository.private", #""yes""#), ("repository.clone_url", "1"), ("repository.default_branch", "{}"),
        ("pusher", #""ada""#), ("sender", "3"),
    ])
    func refusesAnotherType(field: String, json: String) {
        expectFault(in: Payload().setting(field, json).bytes, field)
    }

    @Test(arguments: [
        ("ref", #""refs/heads/a\u0000b""#), ("ref", #""-refs/heads/main""#), ("ref", #""refs/heads/-main""#),
        ("ref", #""refs/heads/a..b""#), ("ref", #""main""#), ("ref", #""""#), ("ref", #""refs/""#),
        ("before", #""""#), ("before", #""6113728""#), ("after", #""1913ef35b887089c165dfaf978f7ab1376f4902g""#),
        ("after", #""1913ef35b887089c165dfaf978f7ab1376f490271""#),
        ("after", "\"\(String(repeating: "a", count: 64))\""),
        ("after", #""-913ef35b887089c165dfaf978f7ab1376f49027""#),
        ("head_commit.id", #""1913""#), ("repository.id", "0"), ("repository.id", "-1"),
        ("repository.id", "9223372036854775808"), ("repository.id", "18446744073709551616"),
        ("repository.id", "1\(String(repeating: "0", count: 400))"), ("repository.id", "1e999"),
        ("repository.full_name", #""acme""#), ("repository.full_name", #""acme/todo/x""#),
        ("repository.full_name", #""/todo""#), ("repository.full_name", #""acme/""#),
        ("repository.full_name", #""acme/..""#), ("repository.full_name", #""acme/a b""#),
        ("repository.full_name", #""acme/a\u0000b""#),
    ])
    func refusesTheValue(field: String, json: String) {
        expectFault(in: Payload().setting(field, json).bytes, field)
    }

    @Test func deletedMustAgreeWithAfter() {
        expectFault(in: Payload().setting("deleted", "true").bytes, "deleted")
        expectFault(in: Payload().setting("after", "\"\(Payload.zeros)\"").bytes, "deleted")
    }

    @Test(arguments: ["ref", "after", "repository", "head_commit", "sender"])
    func refusesAFieldThatIsThereTwice(field: String) {
        var payload = Payload()
        payload.members += payload.members.filter { $0.name == field }
        expectFault(in: payload.bytes, field)
    }

    @Test func refusesAFieldThatIsThereTwiceInside() {
        expectFault(in: Payload().setting("repository.id", #"186853002, "id": 1"#).bytes, "repository.id")
    }

    @Test func aHugeNumberIsNamedWhereverItIs() {
        expectFault(in: Payload().setting("size", "123456789012345678901234567890").bytes, "size")
        expectFault(
            in: Payload().setting("commits", #"[{"a": 1, "b": [-2.5e3, 01]}]"#).bytes,
            "commits.b"
        )
    }
}

/// Expects that the body is refused because of this field.
func expectFault(
    in body: [UInt8],
    _ field: String,
    contentType: String = "application/json",
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(sourceLocation: sourceLocation) {
        _ = try decodePush(body, contentType: contentType)
    } throws: { error in
        (error as? PayloadError)?.field == field
    }
}
