import Glibc
import Testing

@testable import Pipelines

@Suite("ImageBuilder")
struct ImageBuilderTests {
    @Test("the same source gives the same image from any folder, and a cached build the same again")
    func reproducible() async throws {
        try await withPodman { podman in
            let builder = ImageBuilder(podman: podman)
            let one = try Repository("RUN echo hello >/greeting\n")
            let two = try Repository("RUN echo hello >/greeting\n")
            let first = try await builder.build(one, log: CollectedLog())
            let log = CollectedLog()
            let second = try await builder.build(two, log: log, fresh: true)
            #expect(first.hasPrefix("sha256:"))
            #expect(first == second)
            #expect(!log.text.contains("Using cache"))
            let cached = CollectedLog()
            #expect(try await builder.build(one, log: cached) == first)
            #expect(cached.text.contains("Using cache"))
            #expect(try await podman.leftovers() == [])
        }
    }

    @Test("lines of the build are seen while it runs")
    func streams() async throws {
        try await withPodman { podman in
            let mark = uniqueSleep()
            let repository = try Repository("RUN echo streamed-line; sleep \(mark)\n")
            let log = CollectedLog()
            let builder = ImageBuilder(podman: podman)
            let task = Task { try await builder.build(repository, log: log) }
            await log.wait(for: "\nstreamed-line\n")
            #expect(log.text.contains("\nstreamed-line\n"))
            // The step is still at it: it sleeps for years.
            try await eventually("it sleeps") { !processes(with: "sleep \(mark)").isEmpty }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(processes(with: "sleep \(mark)") == [])
            #expect(try await podman.leftovers() == [])
        }
    }

    struct Fault: Sendable, CustomTestStringConvertible {
        let title: String
        var dockerfile: String? = nil
        var files: [String: String] = [:]
        var image = Repository.image()
        var outcome = StageError.Outcome.failed
        let code: String
        let words: String
        var testDescription: String { title }
    }

    static let faults: [Fault] = [
        Fault(title: "no Dockerfile", code: "dockerfile-missing", words: "image backend: there is no Dockerfile"),
        Fault(
            title: "no Dockerfile of that name",
            dockerfile: "",
            image: Repository.image(dockerfile: "other/Dockerfile"),
            code: "dockerfile-missing",
            words: "other/Dockerfile"
        ),
        Fault(
            title: "no context",
            image: .init(name: "backend", context: "gone", dockerfile: nil, target: nil, args: [:]),
            code: "context-missing",
            words: "gone"
        ),
        Fault(
            title: "context outside",
            dockerfile: "",
            image: .init(name: "backend", context: "..", dockerfile: "app/Dockerfile", target: nil, args: [:]),
            code: "context-outside",
            words: "leads out of the repository"
        ),
        Fault(
            title: "preprocessed Dockerfile",
            files: ["app/Dockerfile.in": "FROM scratch\n"],
            image: Repository.image(dockerfile: "app/Dockerfile.in"),
            code: "dockerfile-refused",
            words: ".in"
        ),
        Fault(
            title: "step exits with 7",
            dockerfile: "RUN echo about to fail; exit 7\n",
            code: "build-failed",
            words: "image backend: step exit 7\nabout to fail"
        ),
        Fault(
            title: "step with podman's own exit code",
            dockerfile: "RUN exit 125\n",
            code: "build-failed",
            words: "image backend: step exit 125: RUN exit 125"
        ),
        Fault(
            title: "step that tells of a technical fault",
            dockerfile: "RUN echo 'Error: connection refused'; exit 1\n",
            code: "build-failed",
            words: "step exit 1"
        ),
        Fault(title: "no such program", dockerfile: "RUN [\"/none\"]\n", code: "build-failed", words: "step exit 1"),
        Fault(title: "no such file", dockerfile: "COPY none /\n", code: "build-failed", words: "no such file"),
        Fault(title: "no such instruction", dockerfile: "BANANA x\n", code: "build-failed", words: "BANANA"),
        Fault(
            title: "no such target",
            dockerfile: "",
            image: Repository.image(target: "zz"),
            code: "build-failed",
            words: "zz"
        ),
        Fault(
            title: "URL in ADD",
            dockerfile: "ADD http://127.0.0.1/x /x\n",
            code: "add-url-refused",
            words: "RUN step"
        ),
        Fault(
            title: "image from a file",
            dockerfile: "FROM docker-archive:/etc/passwd\n",
            code: "base-image-refused",
            words: "registries only"
        ),
        Fault(
            title: "image from loopback",
            dockerfile: "FROM 127.0.0.1:9/x\n",
            code: "base-image-refused",
            words: "127.0.0.1:9"
        ),
        Fault(
            title: "registry down",
            dockerfile: "FROM 127.0.0.1:1/x\n",
            outcome: .errored,
            code: "registry-unreachable",
            words: "connection refused"
        ),
    ]

    @Test("what cannot be built ends with its reason", arguments: faults)
    func cannotBeBuilt(fault: Fault) async throws {
        try await withPodman { podman in
            let repository = try Repository(fault.dockerfile, files: fault.files)
            let builder = ImageBuilder(podman: podman, registries: ["127.0.0.1:1"])
            let error = await #expect(throws: StageError.self) {
                _ = try await builder.build(
                    fault.image,
                    folder: repository.path,
                    commitTime: 1,
                    log: CollectedLog(),
                    deadline: .seconds(60)
                )
            }
            #expect(error?.outcome == fault.outcome)
            #expect(error?.reason.code == fault.code, "\(error?.reason.message ?? "")")
            #expect(error?.reason.message.contains(fault.words) == true, "\(error?.reason.message ?? "")")
            #expect(try await podman.leftovers() == [])
        }
    }

    @Test(
        "links that lead out of the repository are refused",
        arguments: ["app/Dockerfile", "app", "app/.dockerignore"]
    )
    func links(path: String) async throws {
        let repository = try Repository("")
        let outside = try Repository("")
        let target = "\(outside.path)/\(path.hasSuffix("ignore") ? "app/Dockerfile" : path)"
        SmallFile.remove("\(repository.path)/\(path)")
        #expect(symlink(target, "\(repository.path)/\(path)") == 0)
        let error = #expect(throws: StageError.self) {
            _ = try BuildInputs(Repository.image(), folder: repository.path)
        }
        #expect(error?.outcome == .failed)
        #expect(error?.reason.code.hasSuffix("-outside") == true)
    }

    @Test("a link inside of the repository is followed")
    func linkInside() throws {
        let repository = try Repository("")
        #expect(symlink("app", "\(repository.path)/link") == 0)
        let inputs = try BuildInputs(
            .init(name: "backend", context: "link", dockerfile: nil, target: nil, args: [:]),
            folder: repository.path
        )
        #expect(inputs.context == "\(try SmallFile.canonical(repository.path))/app")
    }

    @Test("past its deadline a build ends with nothing left", arguments: [false, true])
    func deadline(unsafeBuilds: Bool) async throws {
        try await withPodman { podman in
            let mark = uniqueSleep()
            let repository = try Repository("RUN (sleep \(mark) &) ; sleep \(mark)\n")
            let builder = ImageBuilder(podman: podman, unsafeBuilds: unsafeBuilds)
            let error = await #expect(throws: StageError.self) {
                _ = try await builder.build(repository, log: CollectedLog(), seconds: 5)
            }
            #expect(error?.outcome == .errored)
            #expect(error?.reason.code == "deadline-exceeded")
            #expect(processes(with: "sleep \(mark)") == [])
            #expect(try await podman.leftovers() == [])
        }
    }

    @Test("a cancelled build leaves nothing and does not touch the one beside it", arguments: [false, true])
    func cancel(unsafeBuilds: Bool) async throws {
        try await withPodman { podman in
            let (mark, otherMark) = (uniqueSleep(), uniqueSleep())
            let repository = try Repository("RUN echo begun; sleep \(mark)\n")
            let other = try Repository("RUN echo begun; sleep \(otherMark) || true\n")
            let (log, otherLog) = (CollectedLog(), CollectedLog())
            let builder = ImageBuilder(podman: podman, unsafeBuilds: unsafeBuilds)
            let task = Task { try await builder.build(repository, log: log) }
            let otherTask = Task { try await builder.build(other, log: otherLog) }
            await log.wait(for: "\nbegun\n")
            await otherLog.wait(for: "\nbegun\n")
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            #expect(processes(with: "sleep \(mark)") == [])
            #expect(BuildScratch.left(in: podman).count == 1)

            // The other one still sleeps; woken, it goes on to its end.
            let asleep = processes(with: "sleep \(otherMark)").filter {
                SmallFile.text("/proc/\($0)/cmdline")?.hasPrefix("sleep") == true
            }
            #expect(asleep.count == 1)
            for pid in asleep { kill(pid, SIGKILL) }
            #expect(try await otherTask.value.hasPrefix("sha256:"))
            #expect(try await podman.leftovers() == [])
        }
    }

    @Test("what a killed server left of a build is swept at the next start")
    func sweep() async throws {
        try await withPodman { podman in
            let mark = uniqueSleep()
            let repository = try Repository("RUN echo begun; sleep \(mark)\n")
            let scratch = try BuildScratch.make(in: podman)
            let command = podman.command([
                "build", "--isolation", "oci", "--network", podman.buildNetwork.name, "--hooks-dir", scratch.hooks,
                "\(repository.path)/app",
            ])
            let logFile = "\(repository.path)/log"
            let daemon = try await ChildProcess.spawnDaemon(
                command.executable,
                command.arguments,
                environment: command.environment.merging(["TMPDIR": scratch.folder]) { $1 },
                logFile: logFile
            )
            let end = ContinuousClock.now + .seconds(30)
            while SmallFile.text(logFile)?.contains("\nbegun\n") != true, ContinuousClock.now < end {
                try await Task.sleep(for: .milliseconds(10))
            }
            kill(-daemon.pid, SIGKILL)
            #expect(await isGone(group: daemon.pid))
            try await eventually("it sleeps") { !processes(with: "sleep \(mark)").isEmpty }
            #expect(try await podman.leftovers() != [])
            try await podman.sweepBuilds()
            #expect(processes(with: "sleep \(mark)") == [])
            #expect(try await podman.leftovers() == [])
            // And a build goes as before.
            _ = try await ImageBuilder(podman: podman).build(try Repository("RUN true\n"), log: CollectedLog())
        }
    }

    @Test("triggers of a base image are read before they are followed")
    func triggers() async throws {
        try await withPodman { podman in
            // Only images of docker's format have them.
            let base = try Repository("ONBUILD RUN true\nONBUILD ADD http://127.0.0.1:1/x /x\n")
            _ = try await podman.lines(
                ["build", "--quiet", "--format", "docker", "--tag", "localhost/trigger", "\(base.path)/app"])
            let repository = try Repository(files: ["app/Dockerfile": "FROM localhost/trigger\n"])
            let error = await #expect(throws: StageError.self) {
                _ = try await ImageBuilder(podman: podman).build(repository, log: CollectedLog())
            }
            #expect(error?.outcome == .failed)
            #expect(error?.reason.code == "add-url-refused")
        }
    }
}
