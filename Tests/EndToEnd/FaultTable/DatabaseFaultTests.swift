import Foundation
import HTTPClient
import Testing

/// What becomes of pushes and runs while the database cannot be used. A full disk: `FullDiskTests`.
extension EndToEnd {
    @Suite("A database that cannot be used") struct DatabaseFaultTests {
        @Test("locked by another program: pushes get 503, and a run that has ended meanwhile is recorded afterwards")
        func locked() async throws {
            try await ClusterWorld.run { world, _ in
                let token = try await world.token()
                let id = try await world.runInClone()
                let other = try Child(
                    "/usr/bin/python3",
                    ["-c", Self.lock, "\(world.data)/fairlead.db"],
                    environment: [:],
                    folder: world.folder,
                    log: "\(world.folder)/lock.log"
                )
                try await eventually("it is locked") { other.said.contains("locked") ? true : nil }
                world.repository.thaw()
                let refused = try await world.push(try await world.repository.head())
                #expect(refused.status == 503 && refused.header("Retry-After") != nil, "\(refused.string)")
                try await world.says("What became of a run cannot be recorded yet")
                let paused = try await world.request("POST", "/api/v1/pipelines/web/pause", token: token)
                #expect(paused.status == 503 && paused.header("Retry-After") != nil, "\(paused.string)")
                other.signal(SIGKILL)
                await other.wait()
                let run = try await world.finished(id)
                #expect(run.status == "errored" && run.reason?.code == "database-busy", "\(run)")
                #expect(try await world.rerunToEnd(id, token: try await world.token()).status == "succeeded")
            }
        }

        @Test("an error of the disk: pushes get 503, a run says so once it can, and all goes on when it is over")
        func io() async throws {
            try await ClusterWorld.run { world, _ in
                let id = try await world.runInClone()
                let server = try #require(world.serverProcess).pid
                let fault = try Child(
                    "/usr/bin/strace",
                    [
                        "-f", "-o", "/dev/null", "-P", "\(world.data)/fairlead.db-wal", "-e", "trace=pwrite64",
                        "-e", "inject=pwrite64:error=EIO", "-p", "\(server)",
                    ],
                    environment: [:],
                    folder: world.folder,
                    log: "\(world.folder)/strace.log"
                )
                try await eventually("the disk fails") { fault.said.contains("attached") ? true : nil }
                world.repository.thaw()
                let revision = try await world.repository.commit([:], message: "Change")
                let refused = try await world.push(revision)
                #expect(refused.status == 503 && refused.header("Retry-After") != nil, "\(refused.string)")
                try await world.says("What became of a run cannot be recorded yet")
                await fault.end()
                let run = try await world.finished(id)
                #expect(run.status == "errored" && run.reason?.code == "database-io", "\(run)")
                #expect(try await world.deploy(revision).status == "succeeded")
                let check = try await sh("/usr/bin/python3", ["-c", DataDisk.integrity, "\(world.data)/fairlead.db"])
                #expect(check.output == "ok\n")
            }
        }

        @Test("damaged while it serves: nothing is taken that could be lost, and the log says what to do")
        func damaged() async throws {
            try await ClusterWorld.run { world, _ in
                let first = try await world.deploy(try await world.repository.head())
                #expect(first.status == "succeeded", "\(String(describing: first.reason))")
                await world.stop()
                try await world.start()
                try await sh("/usr/bin/python3", ["-c", Self.damage, "\(world.data)/fairlead.db"])
                let answer = try await eventually("a push is refused") { () -> HTTPResponse? in
                    let answer = try await world.push(try await world.repository.head())
                    return answer.status == 202 ? nil : answer
                }
                #expect(answer.status == 503, "\(answer.string)")
                try await world.says("The database is damaged")
                #expect(try await world.get("/healthz").status == 200)
                await world.stop()
                let backup = try await world.fairlead(
                    "backup",
                    "\(world.folder)/copy",
                    "--config",
                    "\(world.folder)/fairlead.yaml",
                    expecting: nil
                )
                #expect(backup.status != 0, "\(backup.output)")
            }
        }

        private static let lock = """
            import sqlite3, sys, time
            db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
            db.execute("BEGIN IMMEDIATE")
            print("locked", flush=True)
            time.sleep(600)
            """

        /// All pages but the first are overwritten.
        private static let damage = """
            import os, sys
            with open(sys.argv[1], "r+b") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(4096)
                file.write(b"\\xa5" * (size - 4096))
            """
    }
}

extension World {
    /// Pushes, and returns the number of the run once it waits for the git host, which is frozen.
    func runInClone() async throws -> Int64 {
        let revision = try await repository.head()
        repository.freeze()
        let id = try #require(try Receipt(try await push(revision)).runs.first).id
        try await eventually("the clone has begun") { try await log(id, "clone").contains("fetching") ? true : nil }
        return id
    }

    func says(_ words: String) async throws {
        try await eventually("the server says: \(words)") { serverProcess?.said.contains(words) == true ? true : nil }
    }
}
