import ArgumentParser
import FoundationEssentials
import Glibc
import HTTPClient
import Pipelines
import Signing
import UnixSignals

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Takes two real pushes to a sample repository all the way to running containers on this machine.",
        discussion: "Everything lives in one temporary folder and on loopback, and is removed at the end."
    )

    @Option(help: "What is deployed: sample, a small service, or todo, the application of the reference stack.")
    var app = DemoApp.Name.sample

    @Flag(help: "End after the second run instead of waiting for Ctrl-C.") var once = false

    func run() async throws {
        try requirements()
        let app = DemoApp(app)
        let stage = try DemoStage(app)
        let show = Task { try await DemoShow(app: app, stage: stage, staysUp: !once).run() }
        let signals = Task {
            for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) {
                show.cancel()
                break
            }
        }
        let result = await show.result
        signals.cancel()
        if case .failure(let error) = result, !(error is CancellationError) {
            printError("the server's log ends with:\n\(stage.lastWords)")
        }
        printNow("Taking everything down…")
        await stage.remove()
        switch result {
        case .success(let succeeded):
            printNow("demo: \(succeeded) runs succeeded")
            if succeeded != 2 { throw ExitCode(1) }
        case .failure(is CancellationError): throw ExitCode(once ? 1 : 0)
        case .failure(let error):
            printError("demo: \(error)")
            throw ExitCode(1)
        }
    }

    /// Containers for a user without root need another podman set-up than the one shown here.
    private func requirements() throws {
        guard geteuid() == 0 else {
            printError("demo: the podman target needs root (bridge networks, overlay storage): sudo make demo")
            throw ExitCode(1)
        }
    }
}

/// The two pushes, as a person would see them.
struct DemoShow: Sendable {
    let app: DemoApp
    let stage: DemoStage
    let staysUp: Bool

    /// - Returns: how many runs succeeded.
    func run() async throws -> Int {
        if let trouble = await stage.trouble() { throw DemoError(description: trouble) }
        printNow("1. A repository with \(app.summary), served by git http-backend")
        try await stage.makeRepository()
        printNow("2. Fairlead, with the embedded registry and the podman target")
        try await stage.startServer()
        printNow("   the page:    \(stage.page)")
        printNow("3. A push: version one")
        guard let first = try await deploy("one") else { return 0 }
        printNow("4. Another push: version two replaces version one")
        guard let second = try await deploy("two") else { return 1 }
        guard first == second else { throw DemoError(description: "the service moved from \(first) to \(second)") }
        printNow("")
        printNow("   the page:    \(stage.page)")
        printNow("   the service: \(second)")
        if staysUp {
            printNow("5. A push of your own: in another terminal, as root,")
            for line in try stage.ownPush() { printNow("     \(line)") }
            printNow("   The request stands for GitHub's webhook: without it, the push is found within five minutes.")
            printNow("   Sign in at the page with the token to run again, roll back or pause.")
            printNow("   Ctrl-C ends all of it and leaves nothing behind.")
            try await Task.sleep(for: .seconds(7 * 24 * 3600))
        }
        return 2
    }

    /// - Returns: the service's address, or nil when the run did not succeed.
    private func deploy(_ version: String) async throws -> String? {
        let revision = try await stage.commit(version)
        let run = try await stage.push(revision, message: "Version \(version)")
        printNow("   202 for run \(run): \(stage.page)runs/\(run)")
        guard try await stage.follow(run).status == "succeeded" else { return nil }
        let services = try await stage.services(of: run)
        guard let service = services[app.version.service] else {
            throw DemoError(description: "run \(run) shows no Service \(app.version.service)")
        }
        let text = try await stage.get(service + app.version.path)
        printNow("   \(service)\(app.version.path) answers: \(text)")
        guard text.contains("version \(version)") else {
            throw DemoError(description: "the service does not answer with version \(version)")
        }
        return service
    }
}

struct DemoError: Error, CustomStringConvertible {
    let description: String
}
