import Foundation
import Glibc
import HTTPClient
import Pipelines
import Testing

extension EndToEnd {
    @Suite("Builds at a time") struct BuildSlotTests {
        /// Says how it is scheduled (proc(5): the 19th field is the niceness), and then works until it is ended.
        private static let endless =
            Sample.dockerfile + #"""
                RUN ["/bin/busybox", "sh", "-c", "\
                read -r line < /proc/self/stat; set -- $line; shift 18; echo niceness $1; \
                echo at work; exec /bin/busybox sleep 600"]

                """#

        /// Branches with a pipeline each, of which the first builds for ever; the runs, once the others wait for it.
        private func waiting(behind first: String, _ others: [String], _ world: World) async throws -> [Int64] {
            await world.stop()
            try world.splitPipeline(into: [first] + others)
            try await world.start()
            let endless = try await world.repository.commit(
                ["Dockerfile": Self.endless],
                message: "Endless",
                branch: first
            )
            var runs = [try await world.pushed(endless, to: first)]
            try await world.building(runs[0])
            for branch in others {
                let revision = try await world.repository.commit(
                    ["Dockerfile": Sample.dockerfile],
                    message: branch,
                    branch: branch
                )
                runs.append(try await world.pushed(revision, to: branch))
            }
            for run in runs.dropFirst() { try await world.waitingToBuild(run) }
            return runs
        }

        @Test("a run of any environment waits for its turn and says so; cancelled while it waits, it ends at once")
        func bounded() async throws {
            try await World.run(settings: Self.one) { world in
                let runs = try await waiting(behind: "endless", ["second", "third"], world)
                let list = try await world.get("/api/v1/runs").json()["runs"] as? [[String: Any]] ?? []
                let waiting = list.filter { $0["waitingFor"] as? String == "build-slot" }.compactMap {
                    $0["id"] as? Int
                }
                #expect(Set(waiting) == Set(runs.dropFirst().map { Int($0) }))

                let token = try await world.token()
                #expect(try await world.request("POST", "/api/v1/runs/\(runs[1])/cancel", token: token).status == 202)
                let second = try await world.finished(runs[1])
                #expect(second.status == "cancelled" && second.waitingFor == nil)
                #expect(second.attempts.map(\.name) == ["clone"])
                try await world.waitingToBuild(runs[2])
                #expect(try await world.run(runs[0]).stage("build").status == "running")

                #expect(try await world.request("POST", "/api/v1/runs/\(runs[0])/cancel", token: token).status == 202)
                #expect(try await world.finished(runs[0]).status == "cancelled")
                let third = try await world.finished(runs[2])
                #expect(third.status == "succeeded" && third.waitingFor == nil, "\(String(describing: third.reason))")
                #expect(third.stages.map(\.attempt) == [1, 1, 1, 1, 1])
            }
        }

        @Test("a run that waited when the server was killed has nothing behind it, and builds in the next one")
        func killed() async throws {
            try await World.run(settings: Self.one) { world in
                let runs = try await waiting(behind: "endless", ["second"], world)
                await world.kill()
                let token = try await world.token()
                try await world.start()
                // Either may come first now; the endless one does not let the other by.
                #expect(try await world.request("POST", "/api/v1/runs/\(runs[0])/cancel", token: token).status == 202)
                #expect(try await world.finished(runs[0]).status == "cancelled")
                let second = try await world.finished(runs[1])
                #expect(second.status == "succeeded", "\(String(describing: second.reason))")
                #expect(second.stages.map(\.attempt) == [1, 1, 1, 1, 1])
            }
        }

        @Test("with onPush: cancel, a run that waits for its turn gives way to a newer push")
        func givesWay() async throws {
            try await World.run(pipeline: "onPush: cancel", settings: Self.one) { world in
                let runs = try await waiting(behind: "endless", ["second"], world)
                let newer = try await world.repository.commit(
                    ["index.html": "Hello, newer\n"],
                    message: "2",
                    branch: "second"
                )
                let next = try await world.pushed(newer, to: "second")
                let old = try await world.finished(runs[1])
                #expect(old.status == "superseded" && old.supersededBy == next)
                #expect(old.attempts.map(\.name) == ["clone"])
                try await world.waitingToBuild(next)
            }
        }

        @Test("a build gives way to the server and its pods: the steps, podman, and nothing else")
        func priority() async throws {
            try await World.run { world in
                let service = try await world.deploy(try await world.repository.head())
                #expect(service.status == "succeeded", "\(String(describing: service.reason))")
                let endless = try await world.repository.commit(["Dockerfile": Self.endless], message: "Endless")
                let run = try await world.pushed(endless)
                try await world.building(run)
                #expect(try await world.log(run, "build").contains("niceness 10\n"))

                let server = try #require(world.serverProcess?.pid)
                #expect(niceness(server) == 0)
                let usual = slices(1)
                // The kernel takes the length of a turn since 6.12; with one that does not, all are the same.
                #expect(slices(server) == [100_000] || slices(server) == usual)
                let builders = children(of: server).filter { command($0).contains("build --isolation") }
                #expect(builders.count == 1 && builders.allSatisfy { niceness($0) == 10 })
                let step = try #require(descendants(of: builders).first { command($0).contains("sleep 600") })
                #expect(niceness(step) == 10)
                #expect(try weighsLess(step))
                #expect(slices(step) == usual && builders.allSatisfy { slices($0) == usual })

                let pods = try await world.podman("ps", "--quiet")
                let pids = try await world.podman("inspect", "--format", "{{.State.Pid}}", try #require(pods.first))
                let pod = try #require(pids.first.flatMap { Int32($0) })
                #expect(niceness(pod) == 0 && slices(pod) == usual)
            }
        }

        private static let one = "public: everything\nlimits: { builds: 1 }\n"
    }
}

extension World {
    fileprivate func pushed(_ revision: String, to branch: String) async throws -> Int64 {
        let answer = try await push(revision, ref: "refs/heads/\(branch)")
        #expect(answer.status == 202)
        return try Receipt(answer).runs[0].id
    }

    fileprivate func building(_ run: Int64) async throws {
        try await eventually("run \(run) builds") { try await log(run, "build").contains("at work\n") ? true : nil }
    }

    fileprivate func waitingToBuild(_ id: Int64) async throws {
        let waiting = try await eventually("run \(id) waits") { () -> RunView? in
            let run = try await run(id)
            return run.waitingFor == "build-slot" ? run : nil
        }
        #expect(waiting.status == "running" && waiting.stage("build").status == "pending")
    }
}

// MARK: - Processes

private func stat(_ pid: Int32) -> [Substring] {
    let text = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
    return text.split(separator: ")").last?.split(separator: " ") ?? []
}

/// proc(5): of the fields after the name, the second is the parent, and the 17th the niceness.
private func niceness(_ pid: Int32) -> Int? { stat(pid).dropFirst(16).first.flatMap { Int($0) } }

/// How long the turns of a process' threads are, in nanoseconds: all different ones.
private func slices(_ pid: Int32) -> Set<Int> {
    let tasks = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")) ?? []
    return Set(
        tasks.compactMap { task in
            let text = (try? String(contentsOfFile: "/proc/\(pid)/task/\(task)/sched", encoding: .utf8)) ?? ""
            let line = text.split(separator: "\n").first { $0.hasPrefix("se.slice") }
            return line?.split(separator: " ").last.flatMap { Int($0) }
        }
    )
}

private func children(of parent: Int32) -> [Int32] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { Int32($0) }.filter { stat($0).dropFirst().first == "\(parent)" }
}

private func descendants(of parents: [Int32]) -> [Int32] {
    let next = parents.flatMap { children(of: $0) }
    return next.isEmpty ? [] : next + descendants(of: next)
}

private func command(_ pid: Int32) -> String {
    let bytes = FileManager.default.contents(atPath: "/proc/\(pid)/cmdline") ?? Data()
    return String(decoding: bytes.map { $0 == 0 ? 32 : $0 }, as: UTF8.self)
}

/// Whether the process's cgroup weighs less than others do: 1024 in the older interface, 100 in the newer one.
private func weighsLess(_ pid: Int32) throws -> Bool {
    for line in try String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8).split(separator: "\n") {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        for (path, usual) in [("cpu\(fields[2])/cpu.shares", 1024), ("\(fields[2])/cpu.weight", 100)] {
            guard let text = try? String(contentsOfFile: "/sys/fs/cgroup/\(path)", encoding: .utf8),
                let weight = Int(text.trimmingCharacters(in: .whitespacesAndNewlines))
            else { continue }
            return weight < usual
        }
    }
    return false
}
