import ArgumentParser
import FoundationEssentials
import Git
import HTTPServer
import Logging
import Pipelines

/// Parts of the program on their own, for `make bench`. Not shown in the help: nobody else needs them.
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Parts of the program on their own, for make bench.",
        shouldDisplay: false,
        subcommands: [AcceptWithoutCommit.self, Checkout.self, Claim.self, Remove.self]
    )

    /// The webhook's whole path with only the database's transaction left out: what the commit costs.
    struct AcceptWithoutCommit: AsyncParsableCommand {
        @OptionGroup var options: ConfigurationOption

        func run() async throws {
            let settings = try Configuration.read(options.config)
            guard !FileManager.default.fileExists(atPath: settings.data) else {
                throw ValidationError("this records nothing, so it takes no data folder that exists already")
            }
            let installation = try await Installation.open(settings, logger: Logger(label: "fairlead"))
            let definitions = try readPipelines(settings)
            try await Server(installation, definitions: definitions, commits: false).run()
            await installation.close()
        }
    }

    /// Claims runs of the first pipeline one by one, each over before the next, and prints the median of a claim in
    /// milliseconds.
    struct Claim: AsyncParsableCommand {
        @OptionGroup var options: ConfigurationOption

        func run() async throws {
            let settings = try Configuration.read(options.config)
            guard let definition = try readPipelines(settings).values.first else {
                throw ValidationError("there is no pipeline")
            }
            let history = try History.open(folder: settings.data)
            let epoch = try history.beginEpoch()
            let hash = try await history.registerDefinition(definition)
            var times: [Double] = []
            for _ in 0..<201 {
                let run = try await history.enqueueManual(
                    pipeline: definition.name,
                    environment: definition.environment,
                    definitionHash: hash,
                    ref: "refs/heads/main",
                    revision: nil,
                    by: nil
                )
                let start = ContinuousClock.now
                let claimed = try await history.claimNext(epoch: epoch)
                times.append((ContinuousClock.now - start) / .milliseconds(1))
                guard claimed.map(\.run.id) == [run] else { throw ValidationError("something else was claimed") }
                try await history.finishRun(run, status: .cancelled, reason: nil)
            }
            try history.close()
            print(times.sorted()[times.count / 2])
        }
    }

    /// Removes what a data folder has on this machine outside of itself: pods, the proxy, networks, mounted storage.
    struct Remove: AsyncParsableCommand {
        @Argument var dataFolder: String

        func run() async throws { await Teardown.removeEverything(dataFolder: dataFolder) }
    }

    /// Fetches main into a mirror and checks a revision out of it into a new folder, as the clone stage does, and prints
    /// how many seconds that took: a server starts no process for it.
    struct Checkout: AsyncParsableCommand {
        @Argument var url: String
        @Argument var mirror: String
        @Argument var folder: String
        @Argument var revision: String

        func run() async throws {
            let start = ContinuousClock.now
            let mirror = try Mirror(path: mirror, url: url)
            _ = try await mirror.fetch(refs: ["refs/heads/main"])
            try await mirror.checkOut(revision, into: folder)
            print((ContinuousClock.now - start) / .seconds(1))
        }
    }
}
