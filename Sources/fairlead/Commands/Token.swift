public import ArgumentParser
import FoundationEssentials
public import Pipelines
import Signing

struct Token: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Makes, lists and revokes the tokens that people and programs sign in with.",
        subcommands: [Create.self, List.self, Revoke.self]
    )

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Makes a token and shows it once. Only its hash is kept."
        )

        @OptionGroup var options: ConfigurationOption
        @Option(
            help:
                "viewer (looks), deployer (also starts and cancels runs), admin (everything; today no more than deployer)."
        )
        var role: Role
        @Option(help: "Whose it is, for the list.")
        var name: String

        func run() async throws {
            let history = try Token.history(options)
            defer { try? history.close() }
            let token = "fl_" + RandomToken.make()
            _ = try await history.createToken(
                name: name,
                role: role,
                hash: SHA256Digest.bytes(Array(token.utf8))
            )
            print(token)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Lists the tokens, without the tokens themselves.")
        @OptionGroup var options: ConfigurationOption

        func run() async throws {
            let history = try Token.history(options)
            defer { try? history.close() }
            for token in try await history.listTokens() {
                let state = token.revokedAt == nil ? "valid" : "revoked"
                print("\(token.id)\t\(token.role.rawValue)\t\(token.name)\t\(state)")
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revokes a token and every session made with it.")
        @OptionGroup var options: ConfigurationOption
        @Argument(help: "The token's number in `fairlead token list`.") var id: Int64

        func run() async throws {
            let history = try Token.history(options)
            defer { try? history.close() }
            guard try await history.revokeToken(id: id) else {
                throw ValidationError("there is no token \(id); `fairlead token list` shows them")
            }
            print("token \(id) is revoked")
        }
    }

    /// Tokens are written beside a running server, so this takes no lock.
    static func history(_ options: ConfigurationOption) throws -> History {
        try History.open(folder: try Configuration.read(options.config, withSecrets: false).data, lock: false)
    }
}

extension Role: ExpressibleByArgument {}
