import Foundation
import HTTPClient
import Kubernetes
import Pipelines
import TestCluster
import Testing

extension FaultWorld {
    /// Runs a cell in a lane that is free, and looks at what it leaves.
    func run(_ cell: FaultCell, number: Int) async throws {
        try await lanes.with { lane in
            try await warmUp(lane)
            let live = try await live(lane)
            let image = cluster.image(of: "web", in: lane.name)
            let proxy = lane.proxy(cell.peer)
            let revision = try await commit(cell, number, to: lane)
            try proxy.set(cell.fault)
            defer { try? proxy.set(nil) }
            let run = try await world.finished(try await push(revision, to: lane))
            let shown =
                "\(run.status) \(String(describing: run.reason)), undo \(String(describing: run.undo)); "
                + run.stages.map { "\($0.name) \($0.duration ?? 0)" }.joined(separator: ", ")
                + "; \(proxy.lines.count) asked"
            #expect(proxy.struck > 0 || cell.fault.action == .refuse, "nobody met the fault: \(proxy.lines)")
            try proxy.set(nil)
            try await expectNothingLeft(run)
            switch cell.course {
            case .succeeds(let words):
                #expect(run.status == "succeeded", "\(shown)")
                let log = try await world.log(run.id, cell.stage)
                #expect(words.isEmpty || log.contains(words), "\(log)")
            case .ends(let status, let code):
                #expect(run.status == status && run.stage(cell.stage).status == status, "\(shown)")
                #expect(run.reason?.code == code, "\(shown)")
                let limit = Self.deadlines[cell.stage] ?? 0
                #expect((run.stage(cell.stage).duration ?? .infinity) < limit + 10, "\(shown)")
                // What is technical says what to do.
                let message = run.reason?.message ?? ""
                let isAdvised = message.contains("see whether") || message.contains("try again")
                #expect(isAdvised || status == "failed", "\(shown)")
                #expect(try await self.live(lane) == live, "\(shown)")
                if run.undo?.status != "failed" {
                    #expect(cluster.image(of: "web", in: lane.name) == image, "\(shown)")
                }
                let again = try await world.rerunToEnd(run.id, token: token)
                #expect(again.status == "succeeded", "run again: \(String(describing: again.reason))")
                try await expectNothingLeft(again)
            }
            #expect(try await self.live(lane) == run.id)
        }
    }

    /// The lane's first run, when nothing goes wrong.
    private func warmUp(_ lane: FaultLane) async throws {
        guard try await live(lane) == nil else { return }
        let revision = try await commit(["index.html": "Hello\n"], to: lane)
        let run = try await world.finished(try await push(revision, to: lane))
        try #require(run.status == "succeeded", "\(lane.name): \(String(describing: run.reason))")
    }

    private func commit(_ cell: FaultCell, _ number: Int, to lane: FaultLane) async throws -> String {
        switch cell.change {
        case .nothing: try await commit([:], to: lane)
        case .text: try await commit(["index.html": "Hello from \(number)\n"], to: lane)
        case .base: try await commit(["Dockerfile": Self.dockerfile(base: "base-\(number)")], to: lane)
        }
    }

    /// Puts a commit on top of the lane's branch.
    private func commit(_ files: [String: String], to lane: FaultLane) async throws -> String {
        try await writing.with {
            try await world.repository.git("checkout", "-q", lane.name)
            return try await world.repository.commit(files, message: "Change", branch: lane.name)
        }
    }

    private func push(_ revision: String, to lane: FaultLane) async throws -> Int64 {
        let answer = try await world.push(revision, ref: "refs/heads/\(lane.name)") { payload in
            var repository = payload["repository"] as? [String: Any] ?? [:]
            repository["clone_url"] = lane.repository
            return payload.merging(["repository": repository]) { $1 }
        }
        return try #require(try Receipt(answer).runs.first).id
    }

    /// The run whose release is live.
    private func live(_ lane: FaultLane) async throws -> Int64? {
        let pipeline = try await world.get("/api/v1/pipelines/\(lane.name)").json()
        return ((pipeline["live"] as? [String: Any])?["run"] as? Int).map(Int64.init)
    }

    /// No file of the run is left.
    private func expectNothingLeft(_ run: RunView) async throws {
        try await eventually("nothing of run \(run.id) is left", seconds: 10) {
            try leftovers(of: run).isEmpty ? true : nil
        }
    }

    private func leftovers(of run: RunView) throws -> [String] {
        let manager = FileManager.default
        let files =
            try manager.contentsOfDirectory(atPath: "\(world.data)/checkouts")
            + manager.contentsOfDirectory(atPath: world.data)
        return files.filter {
            $0.hasPrefix("run-\(run.id).") || $0 == "run-\(run.id)" || $0.hasPrefix("login-\(run.id)-")
        }
    }
}
