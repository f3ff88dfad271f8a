import ArgumentParser
import FoundationEssentials
import Pipelines

struct Validate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks the configuration and the pipeline files, and reports every fault with its line.",
        discussion:
            "Without files it checks fairlead.yaml and every pipeline that it names. Exit status 1 means faults."
    )

    @OptionGroup var options: ConfigurationOption
    @Argument(help: "Pipeline files to check instead.") var files: [String] = []

    func run() async throws {
        var faults: [Fault] = []
        var good: [String] = []
        func check(_ what: String, _ body: () throws -> Void) throws {
            do {
                try body()
                good.append(what)
            } catch let error as DefinitionFaults {
                faults += error.faults
            }
        }
        if files.isEmpty {
            try check(options.config) {
                let settings = try Configuration.read(options.config)
                try check(settings.pipelines) { _ = try readPipelines(settings) }
            }
        } else {
            for file in files {
                try check(file) { _ = try readPipeline(file: file, contents: try Configuration.contents(of: file)) }
            }
        }
        for fault in faults { print(fault) }
        guard faults.isEmpty else {
            print("\(faults.count) \(faults.count == 1 ? "fault" : "faults")")
            throw ExitCode(1)
        }
        print("valid: \(good.joined(separator: ", "))")
    }
}
