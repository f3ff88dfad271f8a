import Foundation
import Git
import Testing

/// What a repository must not make us do.
@Suite(.ownThread) struct RefusalTests {
    static let zeroes = String(repeating: "1", count: 40)

    @Test(arguments: [
        "file:///etc", "/etc", "ext::sh -c touch% /tmp/pwned", "-u./payload", "--upload-pack=x", "git://127.0.0.1/x",
        "ssh://-oProxyCommand=x/y", "fd::17/foo", "ssh://host/a';touch x;'", "http://", "../../../../up", "../", "./..",
        "https://host/\u{7f}", "ftp://host/x",
    ])
    func submoduleAddress(_ url: String) async throws {
        let scene = try Scene()
        let revision = try scene.repository.submodule("lib", url: "\"\(url)\"", revision: Self.zeroes)
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(refused?.code == .unsafeSubmodule, "\(String(describing: refused))")
        #expect(refused?.message.contains("“lib”") == true)
        #expect(!FileManager.default.fileExists(atPath: scene.scratch.file("out")))
    }

    @Test(arguments: ["../lib.git", "file:///x", "/x"])
    func submoduleOfAFileSource(_ url: String) async throws {
        let scratch = try Scratch()
        let repository = try TestRepository("app", in: scratch.path)
        let revision = try repository.submodule("lib", url: url, revision: Self.zeroes)
        let mirror = try Mirror(path: scratch.file("mirror"), url: repository.path)
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scratch.file("out")) }
        #expect(refused?.code == .unsafeSubmodule)
    }

    @Test(arguments: ["../out", "/etc/lib", "a/../../b", ".git", "a/.GIT/hooks", "a//b", "-x", ""])
    func submodulePath(_ path: String) async throws {
        let scene = try Scene()
        let entry = "[submodule \"x\"]\n path = \"\(path)\"\n url = ../x.git\n"
        let revision = try scene.repository.submodule("lib", url: "", revision: Self.zeroes, text: entry)
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(refused?.code == .unsafePath, "\(String(describing: refused))")
        #expect(refused?.message.contains("“\(path)”") == true)
    }

    @Test func submodulesDescribedByALink() async throws {
        let scene = try Scene()
        let target = try scene.repository.blob("README.md")
        let revision = try scene.repository.commitTree([("120000", ".gitmodules", target)])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(refused?.code == .unsafeSubmodule)
    }

    @Test(arguments: ["..", ".", ".git", ".GIT", "a/b", "../x", "/etc/x"])
    func nameInATree(_ name: String) async throws {
        let scene = try Scene()
        let blob = try scene.repository.blob("x")
        let revision = try scene.repository.commitTree([("100644", name, blob)])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(refused?.code == .unsafePath, "\(String(describing: refused))")
        #expect(refused?.message.contains("“\(name)”") == true)
        #expect(!FileManager.default.fileExists(atPath: scene.scratch.file("out")))
    }

    @Test func aLinkAndAFolderOfOneName() async throws {
        let scene = try Scene()
        let inner = try scene.repository.commit(["inner/x": "1"])
        let tree = try scene.repository.git("rev-parse", "\(inner):inner")
        let target = try scene.repository.blob(scene.scratch.file("outside"))
        try FileManager.default.createDirectory(
            atPath: scene.scratch.file("outside"),
            withIntermediateDirectories: false
        )
        let revision = try scene.repository.commitTree([("120000", "a", target), ("40000", "a", tree)])
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(refused?.code == .unsafePath)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scene.scratch.file("outside")).isEmpty)
    }

    @Test func aTreeThatStandsForBillionsOfFiles() async throws {
        let scene = try Scene()
        let blob = try scene.repository.blob("")
        var entries = (0..<10).map { (mode: "100644", name: "f\($0)", id: blob) }
        for _ in 0..<9 {
            let revision = try scene.repository.commitTree(entries)
            let tree = try scene.repository.git("rev-parse", "\(revision)^{tree}")
            entries = (0..<10).map { (mode: "40000", name: "d\($0)", id: tree) }
        }
        let revision = try scene.repository.commitTree(entries)
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let ended = await gitError {
            try await mirror.checkOut(
                revision,
                into: scene.scratch.file("out"),
                limits: FetchLimits(deadline: .seconds(1))
            )
        }
        #expect(ended?.code == .deadlineExceeded)
        #expect(!FileManager.default.fileExists(atPath: scene.scratch.file("out")))
    }

    /// Name to target. Each set has one link that leads outside, named in the error.
    @Test(
        arguments: [
            (["bad": "/etc/passwd"], "bad"),
            (["bad": ".."], "bad"),
            (["d/bad": "../../x"], "d/bad"),
            (["d/bad": "../d/../../x"], "d/bad"),
            // Counted by its dots this one stays inside; followed, it does not.
            (["d/e/up": "../..", "bad": "d/e/up/../x"], "bad"),
            (["a": "b", "b": "a"], nil),
            (["bad": ""], nil),
        ] as [([String: String], String?)]
    )
    func linkThatLeadsOutside(links: [String: String], named: String?) async throws {
        let scene = try Scene()
        for (name, target) in links where !target.isEmpty { try scene.repository.link(name, to: target) }
        var revision = try scene.repository.commitAll()
        if links["bad"] == "" {
            revision = try scene.repository.commitTree([("120000", "bad", try scene.repository.blob(""))])
        }
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let refused = await gitError { try await mirror.checkOut(revision, into: scene.scratch.file("out")) }
        #expect(refused?.code == .unsafePath, "\(String(describing: refused))")
        if let named { #expect(refused?.message.contains("“\(named)”") == true, "\(String(describing: refused))") }
        #expect(!FileManager.default.fileExists(atPath: scene.scratch.file("out")))
    }

    @Test func linksThatStayInsideAreFine() async throws {
        let scene = try Scene()
        try scene.repository.commit(["d/e/x": "1"])
        let links = ["l": "d/e/x", "d/l": "../d/e", "d/root": "..", "dangling": "d/nothing", "d/e/far": "../root/l"]
        for (name, target) in links { try scene.repository.link(name, to: target) }
        let revision = try scene.repository.commitAll()
        let mirror = try scene.mirror()
        _ = try await mirror.fetch(refs: [main])
        let folder = scene.scratch.file("out")
        try await mirror.checkOut(revision, into: folder)
        for (name, target) in links {
            #expect(try FileManager.default.destinationOfSymbolicLink(atPath: folder + "/" + name) == target)
        }
        #expect(text(folder + "/d/e/far") == "1")
    }
}
