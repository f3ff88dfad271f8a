import ArgumentParser
import FoundationEssentials
import Logging
import Pipelines

struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs a pipeline once, here and now, with its progress in the terminal.",
        discussion: "Exit status 0 means that the run succeeded. While a server uses the data folder, ask it instead: "
            + "POST /api/v1/pipelines/PIPELINE/runs."
    )

    @OptionGroup var options: ConfigurationOption
    @Argument(help: "The pipeline's name.") var pipeline: String
    @Option(help: "The commit to deploy, its full id. Default: the head of the branch.") var revision: String?

    func validate() throws {
        if let revision, !isRevision(revision) {
            throw ValidationError("--revision needs a full commit id of 40 (SHA-256: 64) lower-case hexadecimal digits")
        }
    }

    func run() async throws {
        let settings = try reported { try Configuration.read(options.config) }
        let definition = try Self.definition(pipeline, in: settings)
        guard let ref = definition.source.ref else {
            throw ValidationError("pipeline \(pipeline) deploys tags; push one to a server")
        }
        var logger = Logger(label: "fairlead")
        logger.logLevel = .warning
        let installation = try await Installation.open(settings, logger: logger)
        let end = try await outcome(installation, definition, ref)
        await installation.close()
        if end.status != "succeeded" { throw ExitCode(1) }
    }

    /// A pipeline by its name, once all of the folder's files are in order.
    static func definition(_ name: String, in settings: ServerSettings) throws -> Definition {
        let definitions = try reported { try readPipelines(settings) }
        guard let definition = definitions[name] else {
            throw ValidationError(
                "there is no pipeline \(name) in \(settings.pipelines); there are: "
                    + definitions.keys.sorted().joined(separator: ", ")
            )
        }
        return definition
    }

    private func outcome(
        _ installation: Installation,
        _ definition: Definition,
        _ ref: String
    ) async throws -> RunFollower.Run {
        let history = installation.history
        if let hold = try await history.hold(environment: definition.environment) {
            let why =
                hold.cause == .undoFailed
                ? "the rollback of \(definition.environment), run \(hold.run), failed and could not be taken back"
                : "run \(hold.run) has rolled \(definition.environment) back"
            throw ValidationError(
                "\(why), which holds it: start the server and let it go on with POST /api/v1/pipelines/\(pipeline)/resume"
            )
        }
        if let pause = try await history.pause(environment: definition.environment) {
            throw ValidationError(
                "\(definition.environment) is paused" + (pause.by.map { " by \($0)" } ?? "")
                    + ": start the server and let it go on with POST /api/v1/pipelines/\(pipeline)/resume"
            )
        }
        let hash = try await history.registerDefinition(definition)
        let id = try await history.enqueueManual(
            pipeline: pipeline,
            environment: definition.environment,
            definitionHash: hash,
            ref: ref,
            revision: revision,
            by: "fairlead run"
        )
        let runner = Runner(
            history: history,
            epoch: installation.epoch,
            road: Road(installation.dependencies),
            logger: installation.logger
        )
        let work = Task { await runner.run() }
        defer { work.cancel() }
        let end = try await RunFollower.of(history).follow(id)
        work.cancel()
        await work.value
        return end
    }
}

extension RunFollower {
    /// Follows a run in this process's own history.
    static func of(_ history: History) -> RunFollower {
        RunFollower(
            fetch: { id in
                guard let summary = try await history.runSummary(id) else { throw Problem.notFound("run \(id)") }
                return try JSONDecoder().decode(Run.self, from: try JSONEncoder().encode(summary))
            },
            log: { run, stage, attempt, after in
                guard let name = StageName(rawValue: stage) else { return ("", after) }
                let part = try await history.log(
                    run: run,
                    stage: name,
                    attempt: attempt,
                    after: after,
                    limit: 1 << 20
                )
                return (String(decoding: part.bytes, as: UTF8.self), part.next)
            }
        )
    }
}
