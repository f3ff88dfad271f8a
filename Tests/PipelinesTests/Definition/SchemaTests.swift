import Foundation
import Testing

@testable import Pipelines

/// The schemas that ship say to editors what the reader says. To write them anew after a change of the shapes:
/// `FAIRLEAD_WRITE_SCHEMAS=1 swift test --filter SchemaTests`.
@Suite("JSON Schemas") struct SchemaTests {
    struct Shipped: Sendable, CustomTestStringConvertible {
        var file: String
        var text: String
        var testDescription: String { file }
    }

    static let pipeline = Shipped(
        file: "pipelines/pipeline.schema.json",
        text: schemaText(.pipeline, title: "A pipeline of Fairlead", about: "From a push to a checked release.")
    )
    static let settings = Shipped(
        file: "pipelines/fairlead.schema.json",
        text: schemaText(.settings, title: "The configuration of Fairlead", about: "fairlead.yaml, for fairlead serve.")
    )

    @Test(arguments: [pipeline, settings]) func areWhatTheShapesSay(shipped: Shipped) throws {
        let file = packageRoot.appending(path: shipped.file)
        if ProcessInfo.processInfo.environment["FAIRLEAD_WRITE_SCHEMAS"] != nil {
            try Data(shipped.text.utf8).write(to: file)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == shipped.text)
    }

    @Test(arguments: [Shape.pipeline, .settings]) func everyKeyIsDescribed(shape: Shape) {
        func look(at shape: Shape, path: String) {
            switch shape {
            case .object(let object), .textOrObject(_, let object):
                for key in object.keys {
                    #expect(key.about.count > 8 && key.about.hasSuffix("."), "\(path).\(key.name)")
                    look(at: key.shape, path: "\(path).\(key.name)")
                }
            case .list(let inner, _), .table(_, let inner, _): look(at: inner, path: path)
            default: break
            }
        }
        look(at: shape, path: "")
    }

    @Test(.enabled("no jsonschema for Python on this machine") { SchemaValidator.shared != nil })
    func judgePipelinesAsTheReaderDoes() throws {
        let bad = [PipelineFaultTests.keys, PipelineFaultTests.types, PipelineFaultTests.texts, SmokeFaultTests.shapes]
            .joined().map(\.text)
        let good = PipelineReadingTests.good + (try PipelineReadingTests.examples.map { try $0.text() })
        try judge(bad + good, by: Self.pipeline.text, shape: .pipeline, except: Self.onlyTheReaderSees)
    }

    @Test(.enabled("no jsonschema for Python on this machine") { SchemaValidator.shared != nil })
    func judgeSettingsAsTheReaderDoes() throws {
        let documents = ServerSettingsFaultTests.shapes.map(\.text) + ServerSettingsTests.good
        try judge(documents, by: Self.settings.text, shape: .settings, except: Self.onlyTheReaderSees)
    }

    /// Each rule's pattern against its own words, over random texts of the characters that rules care about.
    @Test(.enabled("no jsonschema for Python on this machine") { SchemaValidator.shared != nil })
    func patternsSayWhatTheReaderSays() throws {
        let rules: [(String, TextRule)] = [
            ("name", .name), ("secretName", .secretName), ("variable", .variable), ("line", .line), ("label", .label),
            ("prose", .prose), ("repositoryPath", .repositoryPath), ("pathGlob", .pathGlob),
            ("buildStage", .buildStage),
            ("headerName", .headerName), ("jsonPath", .jsonPath), ("branch", .branch), ("tagGlob", .tagGlob),
            ("githubRepository", .githubRepository), ("webhookSource", .webhookSource), ("gitURL", .gitURL),
            ("registryAddress", .registryAddress), ("registryHost", .registryHost), ("host", .host),
            ("checkAddress", .checkAddress), ("publicURL", .publicURL), ("serverPath", .serverPath),
            ("registryName", .registryName), ("clusterName", .clusterName), ("kindName", .kindName),
            ("fieldPath", .fieldPath), ("valuePath", .valuePath), ("podmanURL", .podmanURL), ("apiURL", .apiURL),
            ("chart", .chart), ("sha256", .sha256),
        ]
        let pieces = [
            "a", "B", "7", "-", "_", ".", "..", "/", ":", "80", "@", "*", "**", "?", "#", " ", "\\", "~", "!", "é",
            "\u{301}", "\t",
            "refs/", ".lock", "https://", "http://", "ssh://", "service://", "file:///", "tcp://", "unix:///", "git@",
            "h.x", ".git", ".tgz", "[::1]",
            "{", "=",
        ]
        var random = SeededRandom()
        var documents: [String] = []
        var expected: [(rule: String, text: String, fault: String?)] = []
        for (name, rule) in rules {
            for _ in 0..<300 {
                let count = Int.random(in: 0...6, using: &random)
                let text = (0..<count).map { _ in pieces.randomElement(using: &random)! }.joined()
                documents.append(JSONText.object([(name, .text(text))]).onOneLine)
                expected.append((name, text, rule.fault(in: text)))
            }
        }
        let properties = rules.map { ($0.0, JSONText.object(schema($0.1))) }
        let whole = JSONText.object([("properties", .object(properties))]).written()
        let verdicts = try #require(SchemaValidator.shared).verdicts(schema: whole, documents: documents)
        for (verdict, (rule, text, fault)) in zip(verdicts, expected) {
            #expect(
                verdict == (fault == nil),
                "\(rule) of \(text.debugDescription): the reader says \(fault ?? "good")"
            )
        }
    }

    /// Words of faults about what is gone once YAML has become JSON, or what JSON Schema cannot say.
    static let onlyTheReaderSees = [
        "is there twice", "is there again", "write true or false", "'host:99999'", "but it is '.inf'",
        "a port is a number", "begin with an IPv4 address",
    ]

    private func judge(_ texts: [String], by schema: String, shape: Shape, except: [String]) throws {
        var documents: [String] = []
        var expected: [(faults: [Fault], text: String)] = []
        for text in texts {
            var faults = FaultList(file: "f.yaml")
            let document = readDocument(Array(text.utf8), faults: &faults)
            let value = try #require(document, "not YAML: \(text)")
            check(value, shape, faults: &faults)
            if faults.faults.contains(where: { fault in except.contains { fault.message.contains($0) } }) { continue }
            documents.append(JSONText(value).onOneLine)
            expected.append((faults.faults, text))
        }
        let verdicts = try #require(SchemaValidator.shared).verdicts(schema: schema, documents: documents)
        #expect(verdicts.count == expected.count && verdicts.contains(true) && verdicts.contains(false))
        for (verdict, (faults, text)) in zip(verdicts, expected) {
            #expect(verdict == faults.isEmpty, "the reader says \(faults), the schema says \(verdict) of:\n\(text)")
        }
    }
}
