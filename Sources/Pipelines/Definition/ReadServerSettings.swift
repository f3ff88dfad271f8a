/// Reads `fairlead.yaml`. Every key has a default, so an empty file is a configuration too.
///
/// Secrets are looked up here, so that a server that lacks one does not start.
///
/// - Parameters:
///   - file: The file's name: for faults, and relative paths in it are looked for beside it.
///   - environment: The server's environment.
///   - withSecrets: False for who needs none of them: the settings hold none, and one that is missing is no fault.
/// - Throws: `DefinitionFaults` with everything that is wrong.
public func readServerSettings(
    file: String,
    contents: [UInt8],
    environment: [String: String],
    withSecrets: Bool = true
) throws -> ServerSettings {
    var reader = SettingsReader(file: file, environment: environment, withSecrets: withSecrets)
    return try reader.read(contents)
}

private struct SettingsReader {
    let environment: [String: String]
    let withSecrets: Bool
    let folder: String
    var faults: FaultList
    var warnings: FaultList

    init(file: String, environment: [String: String], withSecrets: Bool) {
        self.environment = environment
        self.withSecrets = withSecrets
        folder = FilePath.folder(of: file)
        faults = FaultList(file: file)
        warnings = FaultList(file: file)
    }

    mutating func read(_ contents: [UInt8]) throws -> ServerSettings {
        var settings = ServerSettings(folder: folder)
        settings.telemetry.otlp = collectorOfEnvironment()
        let document = readDocument(contents, faults: &faults)
        if let document, !document.isNothing {
            check(document, .settings, faults: &faults)
            // What a shape does not say is only looked at where the shapes fit.
            if faults.isEmpty { fill(&settings, from: document) }
        }
        guard faults.isEmpty else { throw DefinitionFaults(faults: faults.faults) }
        warn(about: settings, document)
        settings.warnings = warnings.faults
        return settings
    }

    private mutating func fill(_ settings: inout ServerSettings, from value: Value) {
        if let listen = value["listen"]?.text.flatMap(ListenAddress.init) { settings.listen = listen }
        if let data = path(value["data"]) { settings.data = data }
        if let pipelines = path(value["pipelines"]) { settings.pipelines = pipelines }
        settings.url = value["url"]?.text.map(withoutSlash)
        settings.hosts = value["hosts"]?.texts ?? []
        settings.public = value["public"]?.text.flatMap(ServerSettings.Visibility.init) ?? .nothing
        settings.webhookSecrets = (value["webhooks"]?["secrets"]?.items ?? []).compactMap { webhookSecret($0) }
        settings.registry.embedded = value["registry"]?["embedded"]?.flag ?? false
        settings.registry.port = value["registry"]?["port"]?.integer
        settings.registries = (value["registries"]?.items ?? []).map { registryAccess($0) }
        noneTwice((value["registries"]?.items ?? []).compactMap { $0["address"] })
        settings.git.credentials = (value["git"]?["credentials"]?.items ?? []).compactMap { gitCredential($0) }
        let credentials = value["git"]?["credentials"]?.items ?? []
        noneTwice(credentials.filter { $0["password"] != nil }.compactMap { $0["host"] })
        noneTwice(credentials.filter { $0["sshKey"] != nil }.compactMap { $0["host"] })
        settings.git.caFile = existingFile(value["git"]?["caFile"])
        settings.unsafeBuilds = value["unsafeBuilds"]?.flag ?? false
        settings.buildNetwork = value["buildNetwork"]?["allow"]?.texts ?? []
        settings.podNetwork = value["podNetwork"]?["allow"]?.texts ?? []
        settings.digitalocean = digitalocean(value["digitalocean"])
        settings.github = github(value["github"])
        settings.kubernetes.allow = value["kubernetes"]?["allow"]?.texts ?? []
        settings.builder = builder(value["builder"])
        if let reconcile = value["reconcile"] {
            settings.reconcile = reconcile.isOff ? nil : reconcile.text.flatMap(seconds)
        }
        let telemetry = value["telemetry"]
        if let otlp = telemetry?["otlp"]?.text { settings.telemetry.otlp = withoutSlash(otlp) }
        if let ratio = telemetry?["sampleRatio"]?.number { settings.telemetry.sampleRatio = ratio }
        settings.log = value["log"]?.text.flatMap(ServerSettings.LogFormat.init) ?? .text
        settings.retention = Retention(value["retention"])
        settings.limits = Limits(value["limits"])
        if settings.limits.bodiesInFlightBytes < settings.limits.webhookBodyBytes {
            let message = "limits.bodiesInFlightBytes must not be less than webhookBodyBytes: no webhook would get in"
            faults.add(value["limits"]?.place ?? value.place, message)
        }
    }

    // MARK: Parts

    private func path(_ value: Value?) -> String? {
        value?.text.map { FilePath.resolve($0, in: folder) }
    }

    private mutating func secret(_ value: Value?) -> SecretValue? {
        guard withSecrets, let value, let source = Definition.SecretSource(value, folder: folder) else { return nil }
        do throws(SecretError) {
            let (secret, warning) = try readSecret(source, environment: environment)
            if let warning { warnings.add(value.place, warning) }
            return secret
        } catch {
            faults.add(value.place, error.message)
            return nil
        }
    }

    private mutating func webhookSecret(_ value: Value) -> ServerSettings.WebhookSecret? {
        guard let secret = secret(value) else { return nil }
        let origin = value["env"]?.text.map { "env " + $0 } ?? "file \(value["file"]?.text ?? "")"
        return ServerSettings.WebhookSecret(
            value: secret,
            origin: origin,
            sources: (value["sources"]?.items ?? []).map { webhookSource($0) }
        )
    }

    private func webhookSource(_ value: Value) -> ServerSettings.WebhookSource {
        guard let text = value.text else {
            return .repository(value["github"]?.text ?? "", id: value["id"]?.integer.map(Int64.init))
        }
        if text.holds("://") { return .url(text) }
        return text.ends(with: "/*") ? .owner(String(text.dropLast(2))) : .repository(text, id: nil)
    }

    private mutating func registryAccess(_ value: Value) -> ServerSettings.RegistryAccess {
        ServerSettings.RegistryAccess(
            address: value["address"]?.text ?? "",
            user: value["user"]?.text,
            password: secret(value["password"]),
            insecure: value["insecure"]?.flag ?? false
        )
    }

    private mutating func gitCredential(_ value: Value) -> ServerSettings.GitCredential? {
        let host = value["host"]?.text ?? ""
        if let password = value["password"] {
            return secret(password).map { secret in
                ServerSettings.GitCredential(
                    host: host,
                    user: value["user"]?.text ?? "x-access-token",
                    method: .password(secret)
                )
            }
        }
        let key = existingFile(value["sshKey"], isSecret: true)
        let knownHosts = existingFile(value["knownHosts"])
        let passphrase = secret(value["passphrase"])
        guard let key, let knownHosts else { return nil }
        return ServerSettings.GitCredential(
            host: host,
            user: value["user"]?.text ?? "git",
            method: .sshKey(path: key, knownHosts: knownHosts, passphrase: passphrase)
        )
    }

    private func withoutSlash(_ url: String) -> String { url.ends(with: "/") ? String(url.dropLast()) : url }

    private mutating func digitalocean(_ value: Value?) -> ServerSettings.DigitalOceanAccess? {
        guard let value, let token = secret(value["token"]) else { return nil }
        return ServerSettings.DigitalOceanAccess(
            token: token,
            api: api(value["api"], "https://api.digitalocean.com")
        )
    }

    private mutating func github(_ value: Value?) -> ServerSettings.GitHubAccess? {
        guard let value else { return nil }
        let method: ServerSettings.GitHubAccess.Method
        if let app = value["app"] {
            guard let privateKey = secret(app["privateKey"]), let id = app["id"]?.integer else { return nil }
            let installation = app["installation"]?.integer.map(Int64.init)
            method = .app(id: Int64(id), privateKey: privateKey, installation: installation)
        } else {
            guard let token = secret(value["token"]) else { return nil }
            method = .token(token)
        }
        return ServerSettings.GitHubAccess(method: method, api: api(value["api"], "https://api.github.com"))
    }

    /// The address that gets a token. Over plain http it could be read on the way.
    private mutating func api(_ value: Value?, _ usual: String) -> String {
        guard let value, let text = value.text else { return usual }
        if let url = PlainURL(text), url.scheme == "http", !url.host.isLoopback {
            warnings.add(value.place, "the token goes to \(quoted(text)) without encryption: write https://")
        }
        return withoutSlash(text)
    }

    /// The variable by which OpenTelemetry's own libraries find their collector.
    private mutating func collectorOfEnvironment() -> String? {
        let name = "OTEL_EXPORTER_OTLP_ENDPOINT"
        guard let text = environment[name], !text.isEmpty else { return nil }
        guard let fault = TextRule.apiURL.fault(in: text) else { return withoutSlash(text) }
        faults.add(.start, "the variable \(name) must be \(TextRule.apiURL.wanted): \(fault)")
        return nil
    }

    private mutating func builder(_ value: Value?) -> ServerSettings.RemoteBuilder? {
        guard let value, let podman = value["podman"]?.text else { return nil }
        if let identity = value["identity"], !podman.begins(with: "ssh://") {
            faults.add(identity.place, "builder.identity is for ssh:// alone: leave it out")
            return nil
        }
        let identity = existingFile(value["identity"], isSecret: true)
        return ServerSettings.RemoteBuilder(podman: podman, identity: identity)
    }

    /// The path of a file that must be there when the server starts.
    private mutating func existingFile(_ value: Value?, isSecret: Bool = false) -> String? {
        guard let value, let path = path(value) else { return nil }
        do throws(ReadingError) {
            let file = try readFileWithMode(path, atMost: 4 * 1024 * 1024)
            if file.bytes.isEmpty {
                faults.add(value.place, "the file \(quoted(path)) is empty")
            } else if isSecret, let warning = openFileWarning(path, mode: file.mode) {
                warnings.add(value.place, warning)
            }
            return path
        } catch {
            faults.add(value.place, error.message)
            return nil
        }
    }

    private mutating func noneTwice(_ values: [Value]) {
        var lines: [String: Int] = [:]
        for value in values {
            let text = value.text?.lowercased() ?? ""
            if let line = lines[text] {
                faults.add(value.place, "\(quoted(text)) is on line \(line) already: keep one of them")
            } else {
                lines[text] = value.place.line
            }
        }
    }

    // MARK: Warnings

    private mutating func warn(about settings: ServerSettings, _ document: Value?) {
        if !settings.listen.isLoopback, settings.public == .everything {
            let message = "everybody who reaches \(settings.listen) sees logs and reasons: write public: status"
            warnings.add(document?["public"]?.place ?? .start, message)
        }
        if settings.webhookSecrets.isEmpty {
            let message = "no secret is set under webhooks.secrets: every delivery will be refused"
            warnings.add(document?["webhooks"]?.place ?? .start, message)
        }
        if settings.unsafeBuilds {
            let message =
                "builds run without isolation: use it for repositories that you trust as you trust yourself"
            warnings.add(document?["unsafeBuilds"]?.place ?? .start, message)
        }
    }
}

extension Value {
    /// A file with nothing but comments, or with `---` alone.
    fileprivate var isNothing: Bool {
        if case .scalar(let scalar) = content { scalar.kind == .null } else { false }
    }
}
