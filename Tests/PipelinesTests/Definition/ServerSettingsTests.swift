import Foundation
import Testing

@testable import Pipelines

private let environment = ["HOOK": "hook-s3cret", "TOKEN": "token-s3cret", "EMPTY": ""]

private func read(_ text: String, file: String = "fairlead.yaml") throws -> ServerSettings {
    try readServerSettings(file: file, contents: Array(text.utf8), environment: environment)
}

private func faults(_ text: String, file: String = "fairlead.yaml") -> [Fault] {
    do {
        _ = try read(text, file: file)
        return []
    } catch let error as DefinitionFaults {
        return error.faults
    } catch {
        return [Fault(file: "", line: 0, column: 0, message: "another error: \(error)")]
    }
}

@Suite("The server's settings") struct ServerSettingsTests {
    static let good: [String] = [
        "{}", "listen: '[::1]:0'", "listen: localhost:8080", "listen: 0.0.0.0:80", "url: http://host:8080/path/",
        "hosts: []",
        "registry: { embedded: true, port: 5001 }", "registry: {}", "registries: [{ address: 'h:5', insecure: yes }]",
        "registries: [{ address: h, user: u, password: { env: TOKEN } }]", "unsafeBuilds: true",
        "buildNetwork: { allow: [10.1.0.0/16, 192.168.7.9/32] }", "limits: {}",
        "reconcile: 30s", "reconcile: off", "reconcile: 'off'",
        "limits: { fetchIdle: 10s, builds: 4, logBytes: 1MiB, apiBodyBytes: 2048 }", "public: everything",
        "webhooks: { secrets: [{ env: HOOK, sources: [a/b, 'a/*', 'https://h/p.git', { github: a/b, id: 7 }] }] }",
        "git: { credentials: [{ host: h, password: { env: A } }, { host: '[::1]', user: u, password: { file: x } }] }",
        "git: { credentials: [{ host: h, sshKey: k, knownHosts: n, passphrase: { env: TOKEN } }], caFile: c }",
        "digitalocean: { token: { env: TOKEN } }", "digitalocean: { token: { file: t }, api: 'http://127.0.0.1:1/x' }",
        "github: { token: { env: TOKEN } }", "github: { app: { id: 7, privateKey: { file: k } } }",
        "github: { app: { id: 7, privateKey: { file: k }, installation: 9 }, api: 'https://ghe.example/api/v3' }",
        "telemetry: {}", "telemetry: { otlp: 'http://jaeger:4318', sampleRatio: 0.25 }",
        "telemetry: { sampleRatio: 0 }",
        "log: json", "log: text",
        "kubernetes: {}", "kubernetes: { allow: [] }", "kubernetes: { allow: [Ingress, Certificate.cert-manager.io] }",
        "builder: { podman: 'tcp://builder:8080' }", "builder: { podman: 'unix:///run/podman.sock' }",
        "builder: { podman: 'ssh://core@[::1]:22/run/podman.sock', identity: id }",
    ]

    @Test func haveDefaults() throws {
        for text in ["", "# nothing\n", "---\n", "{}"] {
            let settings = try read(text)
            #expect(settings.listen.description == "127.0.0.1:8080")
            #expect(settings.data == "data" && settings.pipelines == "pipelines")
            #expect(settings.public == .nothing && !settings.unsafeBuilds && !settings.registry.embedded)
            #expect(settings.webhookSecrets.isEmpty && settings.registries.isEmpty && settings.git.credentials.isEmpty)
            #expect(settings.limits == Limits())
            #expect(settings.reconcile == 300)
            #expect(
                settings.warnings.map(\.message) == [
                    "no secret is set under webhooks.secrets: every delivery will be refused"
                ]
            )
        }
    }

    @Test func tracesGoWhereTheSettingsSayOrTheEnvironment() throws {
        func telemetry(_ text: String, _ variable: String?) throws -> ServerSettings.TelemetrySettings {
            let environment = variable.map { ["OTEL_EXPORTER_OTLP_ENDPOINT": $0] } ?? [:]
            return try readServerSettings(file: "f", contents: Array(text.utf8), environment: environment).telemetry
        }
        #expect(try telemetry("", nil) == .init(otlp: nil, sampleRatio: 1))
        #expect(try telemetry("", "http://collector:4318/").otlp == "http://collector:4318")
        #expect(try telemetry("{}", "").otlp == nil)
        let own = "telemetry: { otlp: 'https://own:4318/', sampleRatio: 0.5 }"
        #expect(try telemetry(own, "http://collector:4318") == .init(otlp: "https://own:4318", sampleRatio: 0.5))
        #expect { try telemetry("", "collector") } throws: {
            ($0 as? DefinitionFaults)?.faults.first?.message.contains("OTEL_EXPORTER_OTLP_ENDPOINT") == true
        }
    }

    @Test func theLogIsTextUnlessItIsToBeJSON() throws {
        #expect(try read("").log == .text)
        #expect(try read("log: json").log == .json)
    }

    @Test func everyKeyIsRead() throws {
        try withTemporaryFolder { folder in
            try write("s3cret\r\n", to: folder + "/hook")
            try write("key", to: folder + "/id")
            try write("host ssh-ed25519 AAAA", to: folder + "/known")
            try write("certificate", to: folder + "/ca.pem", mode: 0o644)
            let text = """
                listen: "[::1]:9000"
                data: ./state
                pipelines: /srv/pipelines
                url: https://deploy.example.com/
                hosts: [deploy.internal]
                public: status
                webhooks:
                  secrets:
                    - env: HOOK
                      sources: [acme/todo, "acme-two/*", {github: acme/shop, id: 186853002}, "https://host/path.git"]
                    - file: hook
                registry: { embedded: true, port: 5001 }
                registries: [{ address: "host:5000", user: u, password: {env: TOKEN}, insecure: true }]
                git:
                  credentials:
                    - { host: github.com, password: {env: TOKEN} }
                    - { host: github.com, sshKey: id, knownHosts: known, passphrase: {env: TOKEN} }
                  caFile: ca.pem
                unsafeBuilds: true
                buildNetwork: { allow: ["10.1.0.0/16"] }
                limits: { buildDeadline: 1h, builds: 3, logBytes: 1MiB }
                """
            let settings = try read(text, file: folder + "/fairlead.yaml")
            #expect(settings.listen == ListenAddress(host: "::1", port: 9000))
            #expect(settings.data == folder + "/state" && settings.pipelines == "/srv/pipelines")
            #expect(settings.url == "https://deploy.example.com" && settings.hosts == ["deploy.internal"])
            #expect(settings.public == .status)
            #expect(settings.webhookSecrets.map { $0.value.text } == ["hook-s3cret", "s3cret"])
            #expect(settings.webhookSecrets.map(\.origin) == ["env HOOK", "file hook"])
            #expect(
                settings.webhookSecrets[0].sources == [
                    .repository("acme/todo", id: nil), .owner("acme-two"), .repository("acme/shop", id: 186_853_002),
                    .url("https://host/path.git"),
                ]
            )
            #expect(settings.registry == .init(embedded: true, port: 5001))
            #expect(settings.registries[0].address == "host:5000" && settings.registries[0].user == "u")
            #expect(settings.registries[0].password?.text == "token-s3cret" && settings.registries[0].insecure)
            #expect(settings.git.credential(for: "GitHub.com", ssh: false)?.user == "x-access-token")
            let key = try #require(settings.git.credential(for: "github.com", ssh: true))
            guard case .sshKey(let path, let knownHosts, let passphrase) = key.method else {
                Issue.record("no key: \(key)")
                return
            }
            #expect(key.user == "git" && path == folder + "/id" && knownHosts == folder + "/known")
            #expect(passphrase?.text == "token-s3cret")
            #expect(settings.git.credential(for: "gitlab.com", ssh: false) == nil)
            #expect(settings.git.caFile == folder + "/ca.pem")
            #expect(settings.unsafeBuilds && settings.buildNetwork == ["10.1.0.0/16"])
            #expect(settings.limits.buildDeadline == 3600 && settings.limits.builds == 3)
            #expect(settings.limits.logBytes == 1 << 20 && settings.limits.fetchDeadline == 300)
            #expect(settings.warnings.map(\.line) == [19])
        }
    }

    @Test(arguments: Limits.named.map(\.name)) func everyLimitIsInTheOperationsGuide(name: String) throws {
        let limit = try #require(Limits.named.first { $0.name == name })
        let guide = try String(contentsOf: packageRoot.appending(path: "docs/operations.md"), encoding: .utf8)
        #expect(guide.contains("| `\(name)` | \(limit.standard) | \(limit.about) |"))
    }

    @Test func servicesOutsideAreRead() throws {
        try withTemporaryFolder { folder in
            try write("-----BEGIN KEY-----\nabcdefgh\n", to: folder + "/key.pem")
            try write("key", to: folder + "/id")
            let text = """
                digitalocean: { token: { env: TOKEN } }
                github: { app: { id: 7, privateKey: { file: key.pem }, installation: 9 }, api: "https://ghe.example/" }
                kubernetes: { allow: [Ingress, Certificate.cert-manager.io] }
                builder: { podman: "ssh://core@builder/run/podman.sock", identity: id }
                webhooks: { secrets: [{ env: HOOK }] }
                """
            let settings = try read(text, file: folder + "/fairlead.yaml")
            #expect(settings.warnings.isEmpty)
            #expect(settings.digitalocean?.token.text == "token-s3cret")
            #expect(settings.digitalocean?.api == "https://api.digitalocean.com")
            guard case .app(7, let key, 9) = settings.github?.method else {
                Issue.record("no app: \(String(describing: settings.github))")
                return
            }
            #expect(key.text == "-----BEGIN KEY-----\nabcdefgh" && settings.github?.api == "https://ghe.example")
            #expect(settings.kubernetes.allow == ["Ingress", "Certificate.cert-manager.io"])
            #expect(settings.builder?.podman == "ssh://core@builder/run/podman.sock")
            #expect(settings.builder?.identity == folder + "/id")
        }
        let token = try read("github: { token: { env: TOKEN } }").github
        #expect(token?.secret.text == "token-s3cret" && token?.api == "https://api.github.com")
        let nothing = try read("{}")
        #expect(nothing.digitalocean == nil && nothing.github == nil && nothing.builder == nil)
        #expect(nothing.kubernetes.allow.isEmpty)
    }

    @Test(arguments: [
        ("http://127.0.0.1:9", 0), ("http://[::1]:9", 0), ("http://localhost", 0), ("http://api.example", 1),
        ("https://api.example", 0),
    ]) func warnsOfTokensInTheClear(api: String, warnings: Int) throws {
        let text = "webhooks: { secrets: [{ env: HOOK }] }\ndigitalocean: { token: { env: TOKEN }, api: '\(api)' }"
        let found = try read(text).warnings
        #expect(found.count == warnings && found.allSatisfy { $0.line == 2 }, "\(found)")
    }

    /// Every limit can be set, and the table that says so reaches the field of that name.
    @Test(arguments: Limits.named.map(\.name)) func everyLimitHasItsField(name: String) throws {
        let limit = try #require(Limits.named.first { $0.name == name })
        let value = if case .seconds = limit.field { "7m" } else { "70000000" }
        var limits = Limits()
        let written = if case .count = limit.field { "9" } else { value }
        limits = try read(
            "limits: { bodiesInFlightBytes: 1GiB, \(name): \(written) }".replacingOccurrences(
                of: "bodiesInFlightBytes: 1GiB, bodiesInFlightBytes",
                with: "bodiesInFlightBytes"
            )
            .replacingOccurrences(of: name == "apiBodyBytes" ? "70000000" : "never", with: "7000")
        ).limits
        let changed = Mirror(reflecting: limits).children.first { $0.label == name }
        let before = Mirror(reflecting: Limits()).children.first { $0.label == name }
        #expect(changed != nil, "no field of this name")
        #expect("\(changed!.value)" != "\(before!.value)")
    }

    @Test func everyFieldHasItsLimit() {
        let fields = Mirror(reflecting: Limits()).children.compactMap(\.label)
        #expect(fields.sorted() == Limits.named.map(\.name).sorted())
    }

    @Test func aSecretIsNeverPrinted() throws {
        let settings = try read(
            "webhooks: { secrets: [{ env: HOOK }] }\nregistries: [{address: h, user: u, password: {env: TOKEN}}]"
        )
        var dumped = ""
        dump(settings, to: &dumped)
        let shown = "\(settings) \(String(reflecting: settings)) \(dumped) \(settings.webhookSecrets[0].value)"
        #expect(!shown.contains("-s3cret") && shown.contains("<secret>"))
        #expect(!shown.contains("45, 115, 51, 99"))
    }

    @Test func warnsOfFilesThatEverybodyMayRead() throws {
        try withTemporaryFolder { folder in
            try write("secret", to: folder + "/open", mode: 0o644)
            try write("secret", to: folder + "/closed", mode: 0o640)
            let text = "webhooks:\n  secrets:\n    - file: open\n    - file: closed\n"
            let warnings = try read(text, file: folder + "/f.yaml").warnings
            #expect(warnings.map(\.line) == [3])
            #expect(warnings.first?.message.contains("chmod 600") == true)
        }
    }

    @Test func warnsOfShowingEverythingToEverybody() throws {
        let secrets = "webhooks: { secrets: [{ env: HOOK }] }\n"
        #expect(try read(secrets + "public: everything\nlisten: 0.0.0.0:80").warnings.map(\.line) == [2])
        #expect(try read(secrets + "public: everything").warnings == [])
        #expect(try read(secrets + "public: status\nlisten: 0.0.0.0:80").warnings == [])
    }

    @Test(arguments: [
        ("localhost", true), ("LOCALHOST:8080", true), ("127.0.0.1:8080", true), ("127.0.0.1", true),
        ("[::1]:8080", true),
        ("deploy.example.com", true), ("Deploy.Example.com:443", true), ("deploy.internal:80", true), ("", false),
        ("evil.example", false), ("deploy.example.com.evil.example", false), ("127.0.0.1.evil.example", false),
        ("deploy.example.com@evil.example", false), ("deploy.example.com/", false), ("localhost:x", false),
        ("10.0.0.1", false),
    ]) func hostHeaders(header: String, accepted: Bool) throws {
        let settings = try read("url: https://deploy.example.com\nhosts: [deploy.internal]")
        #expect(settings.accepts(host: header) == accepted)
    }

    @Test(
        arguments: [
            ("acme/todo", 1, true), ("ACME/Todo", 1, true), ("acme/todos", 1, false), ("other/any", 5, true),
            ("otherx/any", 5, false),
            ("acme/shop", 7, true), ("acme/shop", 8, false), ("x/y", 1, false),
        ] as [(String, Int64, Bool)]
    ) func sourcesOfAWebhook(repository: String, id: Int64, covered: Bool) throws {
        let sources = "[acme/todo, 'other/*', {github: acme/shop, id: 7}, 'https://git.example.com/z.git']"
        let secret = try read("webhooks: { secrets: [{ env: HOOK, sources: \(sources) }] }").webhookSecrets[0]
        #expect(secret.covers(repository: repository, id: id, urls: []) == covered)
        #expect(secret.covers(repository: repository, id: id, urls: ["https://git.example.com/z"]))
        #expect(
            try read("webhooks: { secrets: [{ env: HOOK }] }").webhookSecrets[0].covers(
                repository: repository,
                id: nil,
                urls: []
            )
        )
    }

    @Test(
        "a secret speaks for the pipelines of its own repositories",
        arguments: [
            ("github: acme/todo", true), ("github: ACME/Todo", true), ("github: acme/b", false),
            ("github: other/any", true), ("git: https://git.example.com/acme/todo.git", true),
            ("git: https://git.example.com/z", true), ("git: https://git.example.com/y/z", false),
            ("git: https://git.example.com/b.git", false),
        ]
    ) func pipelinesOfASecret(source: String, covered: Bool) throws {
        let secrets = "[{ env: HOOK, sources: [acme/todo, 'other/*', 'https://git.example.com/z.git'] }]"
        let secret = try read("webhooks: { secrets: \(secrets) }").webhookSecrets[0]
        let parts = source.split(separator: " ").map(String.init)
        let wanted = Definition.Source(
            github: parts[0] == "github:" ? parts[1] : nil,
            git: parts[0] == "git:" ? parts[1] : nil,
            branch: "main",
            tags: nil,
            paths: []
        )
        #expect(secret.covers(wanted) == covered)
        #expect(try read("webhooks: { secrets: [{ env: HOOK }] }").webhookSecrets[0].covers(wanted))
    }
}

@Suite("What is wrong with the server's settings") struct ServerSettingsFaultTests {
    /// What the schema sees too.
    static let shapes: [BadPipeline] = [
        BadPipeline("listen: 8080", "1:9", "must be text"),
        BadPipeline("listen: ':8080'", "1:9", "127.0.0.1:8080", "0.0.0.0:8080"),
        BadPipeline("listen: '8080'", "1:9", "127.0.0.1:8080"),
        BadPipeline("listen: 127.0.0.1", "1:9", "port is missing"),
        BadPipeline("listen: '::1'", "1:9", "[::1]:8080"),
        BadPipeline("listen: '127.0.0.1:99999'", "1:9", "a port is a number"),
        BadPipeline("listen: 'host.example:80'", "1:9", "IP address, or localhost"),
        BadPipeline("log: yaml", "1:6", "one of text, json"),
        BadPipeline("telemetry: { otlp: 'jaeger:4318' }", "1:20", "https://host"),
        BadPipeline("telemetry: { sampleRatio: 1.5 }", "1:27", "a number from 0 to 1"),
        BadPipeline("telemetry: { sampleRatio: '1' }", "1:27", "a number from 0 to 1"),
        BadPipeline("telemetry: { sampleRatio: -1 }", "1:27", "a number from 0 to 1"),
        BadPipeline("listn: x", "1:1", "did you mean 'listen'"),
        BadPipeline("url: deploy.example.com", "1:6", "https://host"),
        BadPipeline("url: https://host/?a=b", "1:6", "https://host"),
        BadPipeline("hosts: deploy.internal", "1:8", "[deploy.internal]"),
        BadPipeline("hosts: ['https://x']", "1:9", "host alone"),
        BadPipeline("hosts: ['x:80']", "1:9", "leave out the port"),
        BadPipeline("public: all", "1:9", "nothing, status, everything"),
        BadPipeline("webhooks: { secrets: [] }", "1:22", "at least 1"),
        BadPipeline("webhooks: { secrets: [{ }] }", "1:23", "'env', 'file'"),
        BadPipeline("webhooks: { secrets: [{ env: HOOK, file: x }] }", "1:36", "keep one"),
        BadPipeline("webhooks: { secrets: [{ env: HOOK, sources: [] }] }", "1:45", "at least 1"),
        BadPipeline("webhooks: { secrets: [{ env: HOOK, sources: [acme] }] }", "1:46", "owner/name"),
        BadPipeline(
            "webhooks: { secrets: [{ env: HOOK, sources: [{ github: a/b, id: x }] }] }",
            "1:65",
            "whole number"
        ),
        BadPipeline("webhooks: { secrets: [{ env: HOOK, sources: [{ id: 3 }] }] }", "1:46", "'github'"),
        BadPipeline(
            "webhooks: { secrets: [" + String(repeating: "{env: HOOK},", count: 33) + "] }",
            "1:22",
            "at most 32"
        ),
        BadPipeline("registry: { embedded: maybe }", "1:23", "true or false"),
        BadPipeline("registry: { port: 0 }", "1:19", "from 1 to 65535"),
        BadPipeline("registries: [{ user: u, password: { env: TOKEN } }]", "1:14", "'address'"),
        BadPipeline("registries: [{ address: 'http://h' }]", "1:25", "leave out http"),
        BadPipeline("registries: [{ address: h, user: u }]", "1:28", "'password' too"),
        BadPipeline("registries: [{ address: h, user: u, password: hunter22 }]", "1:47", "a mapping with env, file"),
        BadPipeline("git: { credentials: [{ host: h }] }", "1:22", "'password', 'sshKey'"),
        BadPipeline("git: { credentials: [{ host: h, sshKey: k }] }", "1:33", "'knownHosts' too"),
        BadPipeline("git: { credentials: [{ host: 'h:22', password: { env: TOKEN } }] }", "1:30", "leave out the port"),
        BadPipeline("unsafeBuilds: 1", "1:15", "true or false"),
        BadPipeline("buildNetwork: { allow: [10.1.0.0] }", "1:25", "address/bits"),
        BadPipeline("buildNetwork: { allow: [10.1.0.0/33] }", "1:25", "32 bits"),
        BadPipeline("buildNetwork: { allow: [300.1.0.0/16] }", "1:25", "begin with an IPv4 address"),
        BadPipeline("buildNetwork: { allow: ['fd00::/8'] }", "1:25", "begin with an IPv4 address"),
        BadPipeline("digitalocean: { api: 'https://x' }", "1:15", "'token'"),
        BadPipeline("digitalocean: { token: hunter22 }", "1:24", "a mapping with env, file"),
        BadPipeline("digitalocean: { token: { env: TOKEN }, api: 'ftp://x' }", "1:45", "https://host"),
        BadPipeline("github: {}", "1:9", "'token', 'app'"),
        BadPipeline("github: { token: { env: A }, app: { id: 1, privateKey: { env: A } } }", "1:30", "keep one"),
        BadPipeline("github: { app: { id: x, privateKey: { env: TOKEN } } }", "1:22", "whole number"),
        BadPipeline("github: { app: { id: 1 } }", "1:16", "'privateKey'"),
        BadPipeline("kubernetes: { allow: [ingress] }", "1:23", "capital"),
        BadPipeline("kubernetes: { allow: [Certificate.Cert_] }", "1:23", "API group"),
        BadPipeline("builder: {}", "1:10", "'podman'"),
        BadPipeline("builder: { podman: 'tcp://builder' }", "1:20", "the port is missing"),
        BadPipeline("builder: { podman: 'tcp://b:1/x' }", "1:20", "nothing more"),
        BadPipeline("builder: { podman: 'unix://run/x' }", "1:20", "absolute"),
        BadPipeline("builder: { podman: 'ssh://core@host' }", "1:20", "path of the socket"),
        BadPipeline("builder: { podman: 'ssh://a:b@host/x' }", "1:20", "identity"),
        BadPipeline("builder: { podman: 'https://x' }", "1:20", "tcp://host:port"),
        BadPipeline("reconcile: 30", "1:12", "or off", "30s"), BadPipeline("reconcile: true", "1:12", "or off"),
        BadPipeline("reconcile: 25h", "1:12", "at most 24h"),
        BadPipeline("limits: { builds: 0 }", "1:19", "from 1 to 64"),
        BadPipeline("retention: { runs: { count: 1 } }", "1:29", "from 10"),
        BadPipeline("retention: { runs: { days: 30 } }", "1:28", "30d"),
        BadPipeline("retention: { releases: { days: 3d } }", "1:26", "count"),
        BadPipeline("limits: { fetchIdle: 30 }", "1:22", "30s"),
        BadPipeline("limits: { logBytes: 16MB }", "1:21", "25MiB"),
        BadPipeline("limits: { logBytes: 1 }", "1:21", "from 65536"),
        BadPipeline("limits: { fetchdeadline: 1m }", "1:11", "did you mean 'fetchDeadline'"),
    ]

    /// What only the machine knows.
    static let lookedUp: [BadPipeline] = [
        BadPipeline("webhooks:\n  secrets:\n    - env: NOT_THERE", "3:7", "NOT_THERE is not set"),
        BadPipeline("webhooks:\n  secrets:\n    - env: EMPTY", "3:7", "EMPTY is empty"),
        BadPipeline("webhooks:\n  secrets:\n    - file: /nowhere", "3:7", "'/nowhere' does not exist"),
        BadPipeline("webhooks:\n  secrets:\n    - file: /dev/null", "3:7", "not a regular file"),
        BadPipeline("webhooks:\n  secrets:\n    - file: /", "3:7", "a folder"),
        BadPipeline("registries: [{ address: h, user: u, password: { env: EMPTY } }]", "1:47", "EMPTY"),
        BadPipeline("digitalocean: { token: { env: EMPTY } }", "1:24", "EMPTY is empty"),
        BadPipeline("github: { app: { id: 1, privateKey: { file: /nowhere } } }", "1:37", "does not exist"),
        BadPipeline("builder: { podman: 'ssh://h/s', identity: /nowhere }", "1:43", "does not exist"),
        BadPipeline("builder: { podman: 'tcp://h:1', identity: /dev/null }", "1:43", "ssh:// alone"),
        BadPipeline("git: { caFile: /nowhere }", "1:16", "does not exist"),
        BadPipeline("registries:\n- { address: 'h:5' }\n- { address: 'H:5' }", "3:14", "line 2"),
        BadPipeline("git:\n  credentials:\n  - &\n", "3:6", "YAML"),
        BadPipeline("limits: { webhookBodyBytes: 100MiB }", "1:9", "bodiesInFlightBytes"),
    ]

    @Test(arguments: shapes + lookedUp) func isNamedWithItsPlace(bad: BadPipeline) {
        let found = faults(bad.text)
        #expect(found.count == 1, "\(found)")
        guard let fault = found.first else { return }
        #expect("\(fault.line):\(fault.column)" == bad.place, "\(fault)")
        for word in bad.words { #expect(fault.message.contains(word), "\(fault)") }
    }

    @Test func anEmptySecretFileIsNamed() throws {
        try withTemporaryFolder { folder in
            try write("\n", to: folder + "/empty")
            let found = faults("webhooks: { secrets: [{ file: empty }] }", file: folder + "/f.yaml")
            #expect(found.count == 1)
            #expect(found.first?.message.contains("is empty: put the secret into it") == true)
        }
    }

    @Test func aSecretInTheFileItselfIsNotRepeated() {
        let found = faults("webhooks: { secrets: [hunter2-hunter2] }")
        #expect(found.count == 1)
        #expect(found.first?.message.contains("hunter2") == false, "\(found)")
    }
}

@Suite("Commands that need no secrets") struct SecretlessSettingsTests {
    @Test func doNotAskForThem() throws {
        let text = """
            data: here
            webhooks: { secrets: [{ env: NOT_THERE }] }
            digitalocean: { token: { env: NOT_THERE } }
            git: { credentials: [{ host: git.example.com, user: me, password: { file: nowhere } }] }
            """
        let settings = try readServerSettings(
            file: "/etc/fairlead/fairlead.yaml",
            contents: Array(text.utf8),
            environment: [:],
            withSecrets: false
        )
        #expect(settings.data == "/etc/fairlead/here")
        #expect(settings.webhookSecrets.isEmpty && settings.git.credentials.isEmpty && settings.digitalocean == nil)
    }
}

@Suite("A pipeline's secrets") struct SecretResolvingTests {
    @Test func comeFromTheEnvironmentOrAFile() throws {
        try withTemporaryFolder { folder in
            try write("line one\nline two\n\n", to: folder + "/secret")
            #expect(try resolve(.environment("TOKEN"), environment: environment).text == "token-s3cret")
            #expect(try resolve(.file(folder + "/secret"), environment: [:]).text == "line one\nline two\n")
        }
    }

    @Test func sayWhatIsMissing() {
        let missing = #expect(throws: SecretError.self) {
            try resolve(.environment("NOT_THERE"), environment: environment)
        }
        #expect(missing?.message.contains("NOT_THERE is not set") == true)
        let empty = #expect(throws: SecretError.self) { try resolve(.environment("EMPTY"), environment: environment) }
        #expect(empty?.message.contains("EMPTY is empty") == true)
        let file = #expect(throws: SecretError.self) { try resolve(.file("/nowhere"), environment: [:]) }
        #expect(file?.message == "'/nowhere' does not exist")
    }
}
