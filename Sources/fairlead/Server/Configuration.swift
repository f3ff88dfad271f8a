import FoundationEssentials
import Pipelines

/// Reads the server's configuration from its file.
enum Configuration {
    /// - Parameter withSecrets: false for a command that only looks for the server's files.
    /// - Throws: `DefinitionFaults`, also for a file that cannot be read.
    static func read(_ file: String, withSecrets: Bool = true) throws -> ServerSettings {
        var settings = try readServerSettings(
            file: file,
            contents: try contents(of: file),
            environment: ProcessInfo.processInfo.environment,
            withSecrets: withSecrets
        )
        settings.data = absolute(settings.data)
        return settings
    }

    private static func absolute(_ path: String) -> String {
        path.hasPrefix("/") ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }

    static func contents(of file: String) throws -> [UInt8] {
        do {
            return Array(try Data(contentsOf: URL(filePath: file)))
        } catch {
            throw DefinitionFaults(faults: [
                Fault(
                    file: file,
                    line: 1,
                    column: 1,
                    message: "cannot be read; is the path right? (--config, or the file's name)"
                )
            ])
        }
    }
}
