import Glibc

/// Starts kustomize and helm: without network, without credentials, with an empty home.
///
/// A new network namespace takes the network away. It needs root, or user namespaces that everybody may make; where the
/// machine offers neither, as in a container without privileges, what is left is that nothing is given to the child to
/// reach the network with: a proxy that nobody listens on, no git, and references that lead out refused before it starts.
struct RenderTools: Sendable {
    let children: ChildProcess
    let scratch: String
    /// Nil: what this machine offers.
    var isolation: Isolation?

    /// What is kept of the output, as of plain manifests.
    private static let maximumOutput = ManifestFiles.maximumTotal

    /// The first of these programs that is installed.
    /// - Throws: `StageError` (errored, `render-tool-missing`).
    static func find(_ names: [String], for key: String) throws -> (name: String, path: String) {
        for name in names {
            if let path = try? Launch.find(name, in: Launch.base["PATH"] ?? "") { return (name, path) }
        }
        throw StageError(
            .errored,
            "render-tool-missing",
            "deploy.\(key) needs \(names.joined(separator: " or ")) on this server: install it"
        )
    }

    /// Runs a program in a folder of its own and returns what it wrote.
    ///
    /// - Parameters:
    ///   - what: names the work in messages: `helm template deploy/chart`.
    ///   - arguments: get the path of the folder.
    ///   - files: written into the folder first.
    func run(
        _ program: String,
        what: String,
        checkout: Checkout,
        files: [String: [UInt8]] = [:],
        log: any StageLog,
        deadline: Duration,
        arguments: (String) -> [String]
    ) async throws -> [UInt8] {
        let folder = "\(scratch)/\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
        try SmallFile.makeFolder("\(folder)/empty", mode: 0o700)
        defer { SmallFile.remove(folder) }
        for (name, bytes) in files { try SmallFile.write(bytes, to: "\(folder)/\(name)", mode: 0o600) }
        let isolation = if let isolation { isolation } else { await Isolation.available(children) }
        if isolation == .none {
            log.line("warning: this machine lets no network namespace be made; \(what) runs with a dead proxy instead")
        }
        let command = try isolation.command + [program] + arguments(folder)
        let (result, output) = try await children.capture(
            command[0],
            Array(command.dropFirst()),
            environment: environment(folder),
            workingFolder: checkout.root,
            deadline: deadline,
            limit: Self.maximumOutput + 1
        )
        if result.timedOut {
            throw StageError(.failed, "render-timeout", "\(what) took longer than \(deadline.words)")
        }
        guard result.succeeded else {
            let said = checkout.withoutRoot(result.lastLines(5)).replacing(folder, with: ".")
            throw StageError(.failed, "render-failed", "\(what): \(result.ending). \(said)")
        }
        guard output.count <= Self.maximumOutput else {
            throw StageError.manifest("manifest-too-large", "\(what) gives more than \(Self.maximumOutput >> 20) MiB")
        }
        // What it has to say although it succeeded.
        for line in checkout.withoutRoot(result.lastLines(20)).split(separator: "\n") { log.line("\(what): \(line)") }
        return output
    }

    /// Nothing of the server's own environment.
    private func environment(_ folder: String) -> [String: String] {
        let deadProxy = "http://127.0.0.1:9"
        return [
            "PATH": "\(folder)/empty", "HOME": folder, "TMPDIR": folder, "LANG": "C.UTF-8",
            "KUBECONFIG": "/dev/null", "HELM_NO_PLUGINS": "1", "HELM_CACHE_HOME": "\(folder)/helm",
            "HELM_CONFIG_HOME": "\(folder)/helm", "HELM_DATA_HOME": "\(folder)/helm", "HTTP_PROXY": deadProxy,
            "HTTPS_PROXY": deadProxy,
        ]
    }
}

/// How the network is taken from a child.
enum Isolation: Sendable {
    /// A new network namespace, made by root.
    case namespace
    /// The same inside a new user namespace.
    case userNamespace
    case none

    /// What this machine offers, found out once.
    static func available(_ children: ChildProcess) async -> Isolation {
        if let known = known.value { return known }
        var found = Isolation.none
        for candidate in [Isolation.namespace, .userNamespace] where await candidate.works(children) {
            found = candidate
            break
        }
        known.value = found
        return found
    }

    private static let known = Locked<Isolation?>(nil)

    /// What is put before the program: unshare(1).
    var command: [String] {
        get throws {
            let options: [String]
            switch self {
            case .namespace: options = ["--net", "--"]
            case .userNamespace: options = ["--map-current-user", "--net", "--"]
            case .none: return []
            }
            return [try Launch.find("unshare", in: Launch.base["PATH"] ?? "")] + options
        }
    }

    func works(_ children: ChildProcess) async -> Bool {
        guard let command = try? command else { return false }
        let arguments = command.dropFirst() + ["/bin/true"]
        let result = try? await children.run(command[0], Array(arguments), deadline: .seconds(10)) { _ in }
        return result?.succeeded ?? false
    }
}
