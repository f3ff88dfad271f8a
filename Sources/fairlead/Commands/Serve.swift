import ArgumentParser
import Logging
import Pipelines
import Telemetry

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Takes webhooks, runs pipelines, shows the history. Ends on SIGTERM or Ctrl-C; SIGHUP reads the pipelines again."
    )

    @OptionGroup var options: ConfigurationOption

    func run() async throws {
        TimeSlice.shorten()
        let settings = try reported { try Configuration.read(options.config) }
        if settings.log == .json { LoggingSystem.bootstrap { JSONLogHandler(label: $0) } }
        let logger = Logger(label: "fairlead")
        let definitions = try reported { try readPipelines(settings) }
        let installation = try await Installation.open(settings, logger: logger)
        do {
            try await Server(installation, definitions: definitions).run()
            await installation.close()
        } catch {
            await installation.close()
            throw error
        }
    }
}

/// Prints every fault on a line of its own and ends with status 1.
func reported<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as DefinitionFaults {
        for fault in error.faults { printError("\(fault)") }
        throw ExitCode(1)
    }
}
