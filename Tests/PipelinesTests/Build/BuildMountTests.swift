import Glibc
import Testing

@testable import Pipelines

@Suite("BuildMount", .serialized)
struct BuildMountTests {
    private func fault(_ mounts: String...) throws -> String? {
        let context = try TestFolder()
        try context.write("x", to: "real/file")
        guard symlink("/", "\(context.path)/link") == 0, symlink("real", "\(context.path)/near") == 0 else {
            throw StageError(.errored, "symlink", "no link")
        }
        return BuildMount.fault(in: mounts.map(BuildMount.init), context: context.path)?.reason
    }

    @Test(
        "what steps usually mount passes",
        arguments: [
            "type=cache,target=/root/.cache/pip", "type=cache,id=apt,target=/var/cache/apt,sharing=locked",
            "type=bind,source=real/file,target=/f", "type=bind,src=/real,dst=/f,readonly", "target=/src",
            "type=bind,from=builder,target=/b", "type=bind,from=docker.io/library/x:1,source=/,target=/b,ro",
            "type=tmpfs,target=/tmp,size=1000000", "type=secret,id=npmrc,target=/root/.npmrc", "type=ssh",
            "type=cache,target=/c,uid=1000,gid=1000,mode=0755", "type=bind,source=not-there,target=/f",
        ]
    )
    func passes(mount: String) throws {
        #expect(try fault(mount) == nil)
    }

    @Test(
        "what leads out of the build is refused",
        arguments: [
            ("type=cache,id=../../../../etc,target=/e", "'..'"), ("type=cache,target=/../../etc", "'..'"),
            ("type=bind,source=link,target=/m", "symbolic link"),
            ("type=bind,source=link/etc,target=/m", "symbolic link"),
            ("type=bind,source=near/file,target=/m", "symbolic link"), ("type=bind,source=../x,target=/m", "'..'"),
            ("type=bind,from=evil,source=/sym,target=/m", "links of another image"),
            ("type=cache,from=evil,source=/sym,target=/m", "source"),
            ("type=bind,target=/m,rw", "leave rw out"), ("type=bind,target=/m,readwrite", "leave rw out"),
            ("type=bind,target=/m,rw=false", "leave rw out"),
            ("type=bind,source=$X,target=/m", "plainly"), ("\"type=bind\",target=/m", "plainly"),
            ("type=bind,type=cache,target=/m", "twice"), ("type=bind,src=real,source=link,target=/m", "twice"),
            ("type=bind,target=/m,bind-propagation=rshared", "bind-propagation"), ("type=bind,target=/m,U", "says U"),
            ("type=bind,target=/m,z", "says z"), ("type=devpts,target=/m", "type"), ("type=bind,,target=/m", "says "),
        ]
    )
    func refused(mount: String, words: String) throws {
        #expect(try fault(mount)?.contains(words) == true)
    }

    @Test("no step can put a link where another step's cache is made")
    func caches() throws {
        let inside = "names a cache inside of another"
        #expect(try fault("type=cache,target=/x", "type=cache,target=/x/y")?.hasPrefix(inside) == true)
        #expect(try fault("type=cache,id=x,target=/a", "type=cache,target=/x/y")?.hasPrefix(inside) == true)
        #expect(try fault("type=cache,id=x,target=/a", "type=cache,id=./x//y,target=/b")?.hasPrefix(inside) == true)
        #expect(try fault("type=cache,id=.,target=/a", "type=cache,target=/b")?.hasPrefix(inside) == true)
        #expect(try fault("type=cache,target=/x", "type=cache,target=/y", "type=cache,target=/x") == nil)
        let locked = "type=cache,target=/x,sharing=locked"
        #expect(try fault(locked) == nil)
        #expect(try fault(locked, "type=cache,id=/x,target=/z")?.hasPrefix("locks a cache") == true)
    }

    /// Each of these shows the machine's root folder to a step, with the podman that Debian 12 has.
    @Test(
        "a Dockerfile that would mount the machine's folders is refused before podman sees it",
        arguments: [
            "RUN --mount=type=cache,id=../../../../../../../../../../../../,target=/host cat /host/etc/hostname",
            "RUN --mount=type=bind,source=root,target=/host cat /host/etc/hostname",
            "RUN ln -s / /sym\nFROM scratch\nCOPY busybox /bin/sh\nRUN --mount=type=bind,from=0,source=/sym,target=/host true",
            "RUN --mount=type=cache,target=/x ln -s / /x/y\nRUN --mount=type=cache,target=/x/y cat /x/y/etc/hostname",
            "RUN --mount=type=bind,target=/c,rw ln -s / /c/l\nRUN --mount=type=bind,source=l,target=/m cat /m/etc/hostname",
            "ENV X=mount=type=cache,id=../../../../../../../../../,target=/host\nRUN --$X cat /host/etc/hostname",
            "RUN --mo\"unt=type=cache,id=../../../../../../../../../,target=/host\" cat /host/etc/hostname",
            "# remark\nRUN --mo\\\nunt=type=cache,id=../../../../../../../../../,target=/host cat /host/etc/hostname",
            String(repeating: "# \(String(repeating: "x", count: 1000))\n", count: 4200)
                + "RUN --mount=type=cache,id=../../../../../../../../../,target=/host cat /host/etc/hostname",
        ]
    )
    func escapes(dockerfile: String) async throws {
        try await withPodman { podman in
            let repository = try Repository(dockerfile + "\n")
            symlink("/", "\(repository.path)/app/root")
            let error = await #expect(throws: StageError.self) {
                _ = try await ImageBuilder(podman: podman).build(repository, log: CollectedLog())
            }
            #expect(error?.outcome == .failed)
            #expect(["mount-refused", "dockerfile-refused"].contains(error?.reason.code))
        }
    }

    @Test("mounts that pass work with the real podman")
    func works() async throws {
        try await withPodman { podman in
            let repository = try Repository(
                """
                RUN --mount=type=cache,target=/cache echo kept >/cache/file
                RUN --mount=type=cache,target=/cache --mount=type=tmpfs,target=/t cat /cache/file
                RUN --mount=type=bind,source=data/file,target=/f cat /f
                FROM scratch
                COPY --from=0 /bin /bin
                RUN --mount=type=bind,from=0,target=/b ls -d /b/bin/busybox

                """,
                files: ["app/data/file": "of the context\n"]
            )
            let log = CollectedLog()
            _ = try await ImageBuilder(podman: podman).build(repository, log: log)
            for line in ["kept", "of the context", "/b/bin/busybox"] {
                #expect(log.text.contains("\n\(line)\n"), "\(line)")
            }
        }
    }
}
