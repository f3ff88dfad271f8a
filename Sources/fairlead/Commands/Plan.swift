import ArgumentParser
import FoundationEssentials
import Logging
import Pipelines

struct Plan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Shows what a push would change, field by field, without changing anything.",
        discussion:
            "+ is new, ~ is changed, - would be deleted, ! would be refused. While a server uses the data folder, "
            + "ask it instead: POST /api/v1/pipelines/PIPELINE/plan."
    )

    @OptionGroup var options: ConfigurationOption
    @Argument(help: "The pipeline's name.") var pipeline: String
    @Option(help: "The commit, its full id. Default: the head of the branch.") var revision: String?

    func validate() throws {
        if let revision, !isRevision(revision) {
            throw ValidationError("--revision needs a full commit id of 40 (SHA-256: 64) lower-case hexadecimal digits")
        }
    }

    func run() async throws {
        let settings = try reported { try Configuration.read(options.config) }
        let definition = try Run.definition(pipeline, in: settings)
        var logger = Logger(label: "fairlead")
        logger.logLevel = .warning
        let installation = try await Installation.open(settings, logger: logger)
        let needs = installation.dependencies
        do {
            for line in try await needs.plan(definition, revision: revision, log: LoggerLog(logger)) { print(line) }
            await installation.close()
        } catch {
            await installation.close()
            printError(needs.reason(of: error).message)
            throw ExitCode(1)
        }
    }
}
