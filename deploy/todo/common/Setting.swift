/// An environment variable that a program reads. Each program declares all of its settings in one place, and reads no
/// other variable: `--describe` prints that list, and tests compare the manifests with it.
public struct Setting: Sendable, Encodable {
    public let name: String
    /// Its value belongs into a Secret, and never into a log.
    public let secret: Bool
    /// What holds where the variable is not set; nil: nothing does.
    public let standard: String?
    /// For people, one sentence.
    public let purpose: String

    private enum CodingKeys: String, CodingKey {
        case name, secret, purpose
        case standard = "default"
    }

    public init(_ name: String, _ purpose: String, standard: String? = nil, secret: Bool = false) {
        self.name = name
        self.secret = secret
        self.standard = standard
        self.purpose = purpose
    }
}

/// The values of a program's settings.
public struct Settings: Sendable {
    /// A value that cannot be used, or a setting that is missing.
    public struct Invalid: Error, CustomStringConvertible {
        public let description: String
        public init(_ description: String) { self.description = description }
    }

    private let declared: [Setting]
    private let values: [String: String]

    /// - Parameter environment: variables by name; those that are not declared are not seen.
    public init(_ declared: [Setting], environment: [String: String]) {
        self.declared = declared
        values = environment
    }

    /// The value of a declared setting, or its standard; nil where there is neither, or the value is empty.
    public subscript(name: String) -> String? {
        guard let setting = declared.first(where: { $0.name == name }) else {
            preconditionFailure("the setting \(name) is not declared")
        }
        guard let value = values[name], !value.isEmpty else { return setting.standard }
        return value
    }

    /// - Throws: ``Invalid`` where it has no value.
    public func required(_ name: String) throws -> String {
        guard let value = self[name] else { throw Invalid("\(name) is not set") }
        return value
    }

    /// A TCP port, 1 to 65535; nil where it has no value.
    public func port(_ name: String) throws -> UInt16? {
        guard let text = self[name] else { return nil }
        guard let port = UInt16(text), port > 0 else { throw Invalid("\(name)=\(text) is not a port") }
        return port
    }

    /// The base of an address, `http://host:port`, without a slash at its end; nil where it has no value.
    public func base(_ name: String) throws -> String? {
        guard var text = self[name] else { return nil }
        guard text.hasPrefix("http://") || text.hasPrefix("https://") else {
            throw Invalid("\(name)=\(text) does not begin with http:// or https://")
        }
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }

    /// An address to listen on and its port: `0.0.0.0:8000`, `[::]:8000`; port 0 takes any free one.
    public func listenAddress() throws -> (host: String, port: UInt16) {
        let text = try required("LISTEN")
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            throw Invalid("LISTEN=\(text) is not ADDRESS:PORT")
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { throw Invalid("LISTEN=\(text) is not ADDRESS:PORT") }
        return (String(host), port)
    }
}

extension Setting {
    /// Of every program.
    public static func common(port: UInt16, program: String) -> [Setting] {
        [
            Setting("LISTEN", "The address and port to serve on.", standard: "0.0.0.0:\(port)"),
            Setting("OTEL_SERVICE_NAME", "The program's name in traces.", standard: program),
            Setting("OTEL_EXPORTER_OTLP_ENDPOINT", "Where traces go by OTLP over HTTP; without it, nowhere."),
        ]
    }

    /// Of programs that keep state: in Dapr's store where there is a sidecar, else in a folder.
    public static let state = [
        Setting("DAPR_HTTP_PORT", "The sidecar's port on loopback, set by Dapr; without it: one-machine mode."),
        Setting("DAPR_API_TOKEN", "The sidecar's token, set by Dapr.", secret: true),
        Setting("STATE_STORE", "The name of the Dapr component that keeps state.", standard: "statestore"),
        Setting("DATA", "The folder of the database in one-machine mode.", standard: "data"),
    ]
}
