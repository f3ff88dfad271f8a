import DigitalOcean
import FoundationEssentials

/// The registries that pipelines push to and builds pull from, and the file with their credentials that podman reads.
public struct Registries: Sendable {
    /// In the data folder.
    static let fileName = "registries.json"

    /// Path of a docker `config.json` with every credential; mode 0600.
    public let authFile: String
    /// Addresses that are spoken to over plain http or with a certificate that nobody checks.
    public let insecureAddresses: [String]
    /// The address of the registry that this server runs; nil if it runs none.
    let embedded: String?
    private let configured: [String]
    private let accounts: [Account]

    private struct Account: Sendable {
        let address: String
        let user: String
        let password: SecretValue

        /// `user:password` as HTTP's Basic scheme and docker's `config.json` write it.
        var basic: String { Data(Array(user.utf8) + [UInt8(ascii: ":")] + password.bytes).base64EncodedString() }
    }

    /// Writes the credentials file into the data folder.
    public init(settings: ServerSettings, embedded: EmbeddedRegistry?) throws {
        var accounts = settings.registries.compactMap { registry in
            registry.password.map { Account(address: registry.address, user: registry.user ?? "", password: $0) }
        }
        if let embedded {
            accounts.append(
                Account(address: embedded.address, user: embedded.user, password: SecretValue(embedded.password))
            )
        }
        self.accounts = accounts
        self.embedded = embedded?.address
        configured = settings.registries.map(\.address)
        insecureAddresses =
            settings.registries.filter(\.insecure).map(\.address) + (embedded.map { [$0.address] } ?? [])
        authFile = "\(settings.data)/\(Self.fileName)"
        try SmallFile.write(try configuration(), to: authFile, mode: 0o600)
    }

    /// The passwords, for masking.
    public var secrets: [SecretValue] { accounts.map(\.password) }

    /// Where an image of the pipeline is pushed to: `host:port/pipeline/image`.
    ///
    /// - Throws: `StageError` when the pipeline wants the embedded registry and the server runs none.
    func repository(of image: String, in definition: Definition) throws -> String {
        switch definition.registry {
        case .address(let address): return "\(address)/\(definition.name)/\(image)"
        case .digitalocean(let name, _): return "\(DigitalOcean.registryHost)/\(name)/\(definition.name)/\(image)"
        case .embedded:
            guard let embedded else {
                throw StageError(
                    .failed,
                    "no-registry",
                    "pipeline \(definition.name) names no registry and the server runs none: write `registry: { address: … }` "
                        + "in the pipeline, or `registry: { embedded: true }` in fairlead.yaml"
                )
            }
            return "\(embedded)/\(definition.name)/\(image)"
        }
    }

    /// The registries that a pipeline may take images from wherever they are: those that are configured, and of the
    /// embedded one what this pipeline pushed.
    func readable(by definition: Definition) -> [String] {
        configured + (embedded.map { ["\($0)/\(definition.name)"] } ?? [])
    }

    /// The `Authorization` header and the scheme to ask the registry of `repository` with.
    func access(to repository: String) -> (scheme: String, headers: [(String, String)]) {
        let host = String(repository.prefix { $0 != "/" })
        let account = accounts.first { $0.address == host || repository.hasPrefix($0.address + "/") }
        return (
            insecureAddresses.contains(host) ? "http" : "https",
            account.map { [("Authorization", "Basic \($0.basic)")] } ?? []
        )
    }

    /// `user:password` of a registry in base64; nil where it needs none.
    func basic(for host: String) -> String? { accounts.first { $0.address == host }?.basic }

    /// A docker `config.json` with every credential and some more.
    ///
    /// - Parameter minted: host → base64 of `user:password`. They win.
    func configuration(with minted: [String: String] = [:]) throws -> [UInt8] {
        struct File: Encodable {
            struct Auth: Encodable { let auth: String }
            let auths: [String: Auth]
        }
        let known = Dictionary(accounts.map { ($0.address, $0.basic) }) { _, last in last }
        let all = known.merging(minted) { _, new in new }
        return Array(try JSONEncoder().encode(File(auths: all.mapValues(File.Auth.init))))
    }
}
