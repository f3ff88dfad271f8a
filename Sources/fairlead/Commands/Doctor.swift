import ArgumentParser
import FoundationEssentials
import Git
import Glibc
import Logging
import Pipelines

struct Doctor: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Checks tools, secrets and access to repositories, and says how to mend what is wrong.",
        discussion: "Exit status 1 means that something must be mended before the server can do its work."
    )

    @OptionGroup var options: ConfigurationOption

    func run() async throws {
        var report = Report()
        if let settings = report.definitions(
            "configuration \(options.config)",
            { try Configuration.read(options.config) }
        ) {
            for warning in settings.warnings { report.add(.init(true, "note: \(warning)", "")) }
            report.add(dataFolder(settings))
            report.add(port(settings))
            for finding in await tools(settings) { report.add(finding) }
            let definitions = report.definitions("pipelines in \(settings.pipelines)") {
                try readPipelines(settings)
            }
            let all = (definitions ?? [:]).values.sorted { $0.name < $1.name }
            let cloud = CloudChecks(settings: settings)
            for finding in await cloud.accounts(all) { report.add(finding) }
            for definition in all {
                for finding in await pipeline(definition, settings, cloud) { report.add(finding) }
            }
        }
        print(report.summary)
        if !report.isHealthy { throw ExitCode(1) }
    }

    private func dataFolder(_ settings: ServerSettings) -> Finding {
        let probe = "\(settings.data)/.doctor"
        do {
            // As the server would make it: nobody else's to read.
            try FileManager.default.createDirectory(
                atPath: settings.data,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
            try "ok".write(toFile: probe, atomically: false, encoding: .utf8)
            try FileManager.default.removeItem(atPath: probe)
            return Finding(true, "data folder \(settings.data) can be written", "")
        } catch {
            return Finding(
                false,
                "data folder \(settings.data) cannot be written",
                "create it and give it to the user that runs fairlead, or change `data:`"
            )
        }
    }

    private func port(_ settings: ServerSettings) -> Finding {
        let address = "\(settings.listen)"
        return canListen(host: settings.listen.host, port: UInt16(settings.listen.port))
            ? Finding(true, "\(address) is free", "")
            : Finding(
                false,
                "\(address) is taken or is not ours",
                "end what listens there (ss -ltnp), or change `listen:`"
            )
    }

    private func tools(_ settings: ServerSettings) async -> [Finding] {
        var findings: [Finding] = []
        do {
            if let remote = settings.builder {
                let folder = "\(settings.data)/builder"
                let builder = try Podman(folder: folder, remote: remote, insecureRegistries: [])
                findings += await builder.check().map { Finding($0.ok, $0.what, $0.fix) }
            }
            if runsContainers(settings) {
                let podman = try Podman(folder: "\(settings.data)/podman", insecureRegistries: nil)
                findings += await podman.check().map { Finding($0.ok, $0.what, $0.fix) }
            }
        } catch {
            findings.append(Finding(false, "podman cannot be set up: \(error)", "apt-get install podman runc"))
        }
        var programs = runsContainers(settings) ? [("haproxy", "haproxy")] : []
        if settings.registry.embedded { programs.append(("docker-registry", "docker-registry")) }
        for (program, package) in programs {
            findings.append(
                isOnPath(program)
                    ? Finding(true, "\(program) is installed", "")
                    : Finding(false, "\(program) is missing", "apt-get install --no-install-recommends \(package)")
            )
        }
        if settings.webhookSecrets.isEmpty {
            findings.append(
                Finding(
                    false,
                    "no webhook secret is configured",
                    "add one under `webhooks: { secrets: [{ env: NAME }] }`"
                )
            )
        }
        return findings
    }

    /// As the server decides it.
    private func runsContainers(_ settings: ServerSettings) -> Bool { settings.builder == nil || geteuid() == 0 }

    private func pipeline(
        _ definition: Definition,
        _ settings: ServerSettings,
        _ cloud: CloudChecks
    ) async -> [Finding] {
        let environment = ProcessInfo.processInfo.environment
        var findings = definition.secrets.sorted { $0.key < $1.key }.map { name, source in
            do {
                _ = try resolve(source, environment: environment)
                return Finding(true, "pipeline \(definition.name): secret \(name) can be read", "")
            } catch {
                return Finding(
                    false,
                    "pipeline \(definition.name): secret \(name): \(error)",
                    "set it where the server starts"
                )
            }
        }
        let programs = definition.deploy.manifests.programs
        if !programs.isEmpty {
            let what = "pipeline \(definition.name): \(programs.joined(separator: " or "))"
            findings.append(
                programs.contains(where: isOnPath)
                    ? Finding(true, "\(what) is installed", "")
                    : Finding(false, "\(what) is missing", "install it where the server finds it in PATH")
            )
        }
        findings.append(await source(definition, settings))
        return findings + (await cloud.pipeline(definition))
    }

    private func source(_ definition: Definition, _ settings: ServerSettings) async -> Finding {
        let source = definition.source
        let what = "pipeline \(definition.name): \(source.repository)"
        do {
            let refs = try await remoteRefs(
                url: source.url,
                credential: try settings.gitCredential(for: source.url),
                limits: FetchLimits(deadline: .seconds(20), idle: .seconds(10))
            )
            if let ref = source.ref, refs[ref] == nil {
                return Finding(false, "\(what) has no \(ref)", "push the branch, or change source.branch")
            }
            return Finding(true, "\(what) can be read", "")
        } catch let error as GitError {
            return Finding(false, "\(what): \(error.message)", "check source and `git: { credentials: … }`")
        } catch {
            return Finding(false, "\(what): \(error)", "check source and `git: { credentials: … }`")
        }
    }
}

/// One thing that was looked at.
struct Finding {
    enum Level {
        case ok
        /// It works, and somebody should know how.
        case warning
        case failure
    }

    let level: Level
    let what: String
    /// How to mend it.
    let fix: String
    var ok: Bool { level != .failure }

    init(_ ok: Bool, _ what: String, _ fix: String) { self.init(ok ? .ok : .failure, what, fix) }

    init(_ level: Level, _ what: String, _ fix: String) {
        (self.level, self.what, self.fix) = (level, what, fix)
    }

    /// For the terminal.
    var lines: [String] {
        switch level {
        case .ok: ["ok   \(what)"]
        case .warning: ["warn \(what)", "     mend: \(fix)"]
        case .failure: ["FAIL \(what)", "     mend: \(fix)"]
        }
    }
}

/// Prints findings as they come and counts them.
private struct Report {
    private var good = 0
    private var bad = 0
    private var warnings = 0
    var isHealthy: Bool { bad == 0 }
    var summary: String {
        let words = isHealthy ? "all \(good) checks passed" : "\(bad) of \(good + bad) checks failed"
        return warnings == 0 ? words : words + ", \(warnings) with a warning"
    }

    mutating func add(_ finding: Finding) {
        if finding.ok { good += 1 } else { bad += 1 }
        if finding.level == .warning { warnings += 1 }
        finding.lines.forEach(printNow)
    }

    mutating func definitions<Result>(_ what: String, _ body: () throws -> Result) -> Result? {
        do {
            let result = try body()
            add(Finding(true, "\(what) is valid", ""))
            return result
        } catch let error as DefinitionFaults {
            for fault in error.faults {
                add(Finding(false, "\(fault)", "edit the file; `fairlead validate` checks it"))
            }
        } catch {
            add(Finding(false, "\(what): \(error)", "check the path"))
        }
        return nil
    }
}
