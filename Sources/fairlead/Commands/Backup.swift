import ArgumentParser
import FoundationEssentials
import Pipelines

struct BackupCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup",
        abstract: "Copies the database into one file, also while the server runs. The sealing key is not in it."
    )

    @OptionGroup var options: ConfigurationOption
    @Argument(help: "The file to write; it must not be there yet.") var file: String

    func run() throws {
        let settings = try reported { try Configuration.read(options.config, withSecrets: false) }
        let backup = try Backup.make(of: settings.data, to: file)
        print("\(file): \(backup.size) bytes, checked. Keep \(settings.data)/sealing.key apart from it.")
    }
}

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Puts a backup in the place of the database, while no server runs. What was there is kept aside."
    )

    @OptionGroup var options: ConfigurationOption
    @Argument(help: "The file that `fairlead backup` wrote.") var file: String

    func run() throws {
        let settings = try reported { try Configuration.read(options.config, withSecrets: false) }
        let time = Date().formatted(
            .iso8601.year().month().day().timeSeparator(.omitted).dateSeparator(.omitted).time(
                includingFractionalSeconds: true
            )
        )
        let restore = try Restore.run(file, into: settings.data, aside: "replaced-\(time)")
        print("\(file) is the database of \(settings.data) now.")
        if let aside = restore.aside { print("What was there is in \(aside).") }
    }
}
