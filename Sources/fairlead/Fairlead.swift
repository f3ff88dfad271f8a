import ArgumentParser

@main
struct Fairlead: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fairlead",
        abstract: "Takes a push from GitHub to a running, checked release, and shows what happened on the way.",
        version: version,
        subcommands: [
            Serve.self, Run.self, Plan.self, Validate.self, Doctor.self, Token.self, BackupCommand.self,
            RestoreCommand.self, Demo.self, Bench.self,
        ]
    )

    static let version = "0.1.0"
}

/// Where the configuration is; the same for every command.
struct ConfigurationOption: ParsableArguments {
    @Option(name: .shortAndLong, help: "The server's configuration.")
    var config = "fairlead.yaml"
}
