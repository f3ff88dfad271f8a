import Foundation
import Testing

@testable import Pipelines

/// What a team applies to run Fairlead in its cluster: `deploy/fairlead`.
@Suite("deploy/fairlead") struct InstallTests {
    static let folder = packageRoot.appending(path: "deploy/fairlead").path

    /// Each is what somebody applies by itself.
    static let roots = ["base", "overlays/doks", "overlays/stack", "target-namespace", "components/page"]

    @Test(
        .enabled("no shared/contracts beside the package, and no FAIRLEAD_CONTRACTS") { StrictSchemas.folder != nil },
        .enabled("no jsonschema for Python on this machine") { SchemaValidator.shared != nil },
        arguments: roots
    )
    func everyObjectIsOfItsSchema(root: String) throws {
        let schemas = try #require(StrictSchemas.folder)
        let validator = try #require(SchemaValidator.shared)
        let objects = try Rendering.objects(of: "\(Self.folder)/\(root)")
        #expect(!objects.isEmpty)
        for object in objects {
            let file = try #require(StrictSchemas.file(object, in: schemas), "no schema of \(object.name)")
            let schema = try String(contentsOfFile: file, encoding: .utf8)
            let json = JSONText(object.value).onOneLine
            // One that is not in order as well, so that a schema that allows everything does not pass for one.
            let spoilt = json.dropLast() + #", "unknownField": 1}"#
            #expect(
                try validator.verdicts(schema: schema, documents: [json, String(spoilt)]) == [true, false],
                "\(object.name)"
            )
        }
    }

    @Test("no secret is in the tree", arguments: roots) func secrets(root: String) throws {
        for object in try Rendering.objects(of: "\(Self.folder)/\(root)") { #expect(object.kind != "Secret") }
    }

    @Test("the server takes the configuration and the pipelines", arguments: ["base", "overlays/doks"])
    func configuration(root: String) throws {
        let config = "\(Self.folder)/\(root)/config"
        let environment = ["FAIRLEAD_WEBHOOK_SECRET", "DIGITALOCEAN_TOKEN", "GITHUB_TOKEN"].reduce(into: [:]) {
            $0[$1] = "secret-\($1)"
        }
        let file = "\(config)/fairlead.yaml"
        let settings = try readServerSettings(
            file: file,
            contents: Array(try Data(contentsOf: URL(filePath: file))),
            environment: environment
        )
        #expect(settings.warnings.isEmpty)
        #expect(settings.builder?.podman == "tcp://fairlead-builder.fairlead-builder:8080")
        #expect(!settings.unsafeBuilds && !settings.registry.embedded && settings.public == .nothing)
        var here = settings
        here.pipelines = "\(config)/pipelines"
        #expect(try !readPipelines(here).isEmpty)

        // What the configuration names is where the pod has it.
        let text = try Rendering.objects(of: "\(Self.folder)/\(root)").map { JSONText($0.value).onOneLine }.joined()
        #expect(text.contains(#""mountPath": "\#(settings.data)""#))
        #expect(text.contains(#""mountPath": "\#(settings.pipelines)""#))
        for name in environment.keys { #expect(text.contains(#""name": "\#(name)""#)) }
        #expect(text.contains(#""terminationGracePeriodSeconds": 30"#) && Limits().shutdown <= 25)
    }
}

/// One object of a rendering.
private struct RenderedObject {
    let value: Value
    var kind: String { value["kind"]?.text ?? "" }
    var apiVersion: String { value["apiVersion"]?.text ?? "" }
    var name: String { "\(kind) \(value["metadata"]?["name"]?.text ?? "")" }
}

private enum Rendering {
    /// By kustomize, or the kubectl that has it inside; without either, the files as they are written.
    static func objects(of root: String) throws -> [RenderedObject] {
        let isComponent = try String(contentsOfFile: "\(root)/kustomization.yaml", encoding: .utf8).contains(
            "kind: Component"
        )
        if !isComponent {
            for command in [["kustomize", "build", root], ["kubectl", "kustomize", root]] {
                if let text = try output(command) { return try read("rendered", text) }
            }
        }
        let enumerator = FileManager.default.enumerator(atPath: root)
        let names = (enumerator?.allObjects ?? []).compactMap { $0 as? String }.sorted()
        return try names.filter {
            $0.hasSuffix(".yaml") && !$0.contains("config/") && !$0.hasSuffix("kustomization.yaml")
        }
        .flatMap { try read($0, Data(contentsOf: URL(filePath: "\(root)/\($0)"))) }
    }

    private static func read(_ name: String, _ text: Data) throws -> [RenderedObject] {
        try ManifestYAML.documents(ManifestFile(path: name, bytes: Array(text))).map { RenderedObject(value: $0) }
    }

    /// Nil if there is no such program.
    private static func output(_ command: [String]) throws -> Data? {
        guard let program = try? Launch.find(command[0], in: Launch.base["PATH"] ?? "") else { return nil }
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = Array(command.dropFirst())
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        let text = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(command.joined(separator: " "))")
        return text
    }
}

/// Kubernetes' own schemas and those of custom resources, one file a kind, which know no other fields.
private enum StrictSchemas {
    static let folder: String? = {
        let given = ProcessInfo.processInfo.environment["FAIRLEAD_CONTRACTS"]
        let path = given ?? packageRoot.deletingLastPathComponent().appending(path: "shared/contracts").path
        return FileManager.default.fileExists(atPath: "\(path)/kubernetes") ? path : nil
    }()

    static func file(_ object: RenderedObject, in folder: String) -> String? {
        let parts = object.apiVersion.split(separator: "/").map(String.init)
        guard let version = parts.last else { return nil }
        let group = parts.count == 2 ? parts[0] : ""
        let kind = object.kind.lowercased()
        let short = group.split(separator: ".").first.map { "-\($0)" } ?? ""
        return [
            "kubernetes/v1.34.0-standalone-strict/\(kind)\(short)-\(version).json",
            "crds/json-schemas/\(group)/\(kind)_\(version).json",
        ].map { "\(folder)/\($0)" }.first { FileManager.default.fileExists(atPath: $0) }
    }
}
