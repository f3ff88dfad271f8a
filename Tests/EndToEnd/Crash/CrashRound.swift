import Foundation
import TestCluster

/// Pushes to several branches while the server is killed, and what is to be true afterwards.
actor CrashRound {
    static let branches = ["main", "beta", "gamma"]

    private let world: World
    private let cluster: TestCluster
    private let seed: UInt64
    private var pushes: [CrashPush] = []
    /// What each revision is to look like.
    private var contents: [String: CrashPush.Content] = [:]
    /// Branch → its newest revision.
    private var heads: [String: String] = [:]
    /// In the order in which they were made: another time they have other names.
    private var revisions: [String] = []

    init(_ world: World, _ cluster: TestCluster, seed: UInt64) {
        self.world = world
        self.cluster = cluster
        self.seed = seed
    }

    /// - Throws: `Unexpected` if anything was lost, done twice, or left over.
    func run(_ number: Int) async throws {
        var random = Seeded(seed, round: number)
        pushes = []
        var moments = [CrashMoment.any(&random)]
        if Bool.random(using: &random) { moments.append(.any(&random)) }
        do {
            for (index, moment) in moments.enumerated() {
                let isAlive = await start(moment)
                // While it goes on with what it was killed in, nothing new comes: it has enough to do.
                async let killed: Void = end(moment)
                if index == 0, isAlive { try await push(&random) }
                await killed
            }
            try await world.start()
            try await redeliver()
            try await quiet()
            try await CrashCheck(world: world, cluster: cluster, pushes: pushes, heads: heads, contents: contents).run()
        } catch {
            let killed = moments.map(\.description).joined(separator: ", then ")
            throw Unexpected("round \(number), seed \(seed), killed \(killed): \(error)")
        }
        // The next round begins with a start.
        await world.kill()
    }

    // MARK: - The server

    /// - Returns: false if it was killed before it listened.
    private func start(_ moment: CrashMoment) async -> Bool {
        (try? await world.start(under: moment.prefix)) != nil
    }

    private func end(_ moment: CrashMoment) async {
        switch moment {
        case .after(let time): try? await Task.sleep(for: .milliseconds(time))
        case .point:
            // It may have nothing more to do before it comes there.
            _ = try? await eventually("it comes there", seconds: 3) { [world] in
                world.serverProcess?.isRunning ?? false ? nil : true
            }
        }
        await world.kill()
    }

    // MARK: - Pushes

    private func push(_ random: inout Seeded) async throws {
        for _ in 0..<Int.random(in: 2...5, using: &random) {
            let push = try await change(&random)
            pushes.append(push)
            await deliver(pushes.count - 1)
            // GitHub sends some deliveries twice, and people do.
            if Int.random(in: 0..<4, using: &random) == 0 {
                await deliver(Int.random(in: pushes.indices, using: &random))
            }
        }
    }

    /// A new commit on a branch, or the branch put back to an older one.
    private func change(_ random: inout Seeded) async throws -> CrashPush {
        let branch = Self.branches.randomElement(using: &random)!
        let revision: String
        if let old = revisions.randomElement(using: &random), Int.random(in: 0..<6, using: &random) == 0 {
            try await world.repository.git("push", "-q", "--force", "origin", "\(old):refs/heads/\(branch)")
            revision = old
        } else {
            let count = revisions.count + 1
            let content = CrashPush.Content(state: "state \(count)", hasExtra: Bool.random(using: &random))
            var files = [
                "k8s/state.yaml": Self.configMap("state", content.state),
                // An object that comes and goes.
                "k8s/extra.yaml": content.hasExtra ? Self.configMap("extra", "yes") : "# nothing\n",
            ]
            // Most pushes leave the image as it is.
            if Int.random(in: 0..<5, using: &random) == 0 { files["index.html"] = "Hello \(count)\n" }
            revision = try await world.repository.commit(files, message: "Change \(count)", branch: branch)
            revisions.append(revision)
            contents[revision] = content
        }
        heads[branch] = revision
        return CrashPush(guid: UUID().uuidString, branch: branch, revision: revision)
    }

    private static func configMap(_ name: String, _ value: String) -> String {
        "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: \(name) }\ndata: { value: \"\(value)\" }\n"
    }

    /// Nothing is known of a delivery whose answer never came.
    private func deliver(_ index: Int) async {
        let push = pushes[index]
        let answer = try? await world.push(push.revision, ref: "refs/heads/\(push.branch)", guid: push.guid)
        if let answer, let receipt = try? Receipt(answer) { pushes[index].runs = receipt.runs.map(\.id) }
    }

    /// What was not answered is sent again, as it would be from GitHub's list of deliveries.
    private func redeliver() async throws {
        for index in pushes.indices {
            let before = pushes[index].runs
            await deliver(index)
            guard let runs = pushes[index].runs else { throw Unexpected("\(pushes[index]) was not taken") }
            if let before, before != runs { throw Unexpected("\(pushes[index]) was promised \(before) first") }
        }
    }

    private func quiet() async throws {
        try await eventually("every run is over", seconds: 90) {
            let open = try await CrashCheck.runs("status=queued", world) + CrashCheck.runs("status=running", world)
            return open.isEmpty ? true : nil
        }
    }
}
