import Testing

@testable import Pipelines

@Suite("What is wrong with a file before its keys are looked at") struct DocumentTests {
    static let notYAML: [BadPipeline] = [
        BadPipeline("", "1:1", "empty"),
        BadPipeline("# nothing but this\n", "1:1", "empty"),
        BadPipeline("name: todo\nsource:\n\tgithub: x\n", "3:1", "tab", "spaces"),
        BadPipeline("name: todo\n---\nname: other\n", "2:1", "second document"),
        BadPipeline("name: 'todo\n", "2:1", "quote", "line 1"),
        BadPipeline("name: todo\n source: x\n", "2:8", "colon"),
        BadPipeline("name: [a, b\nsource: x\n", "2:7", "bracket", "line 1"),
        BadPipeline("paths: [*.swift]\n", "1:10", "must be in quotes"),
        BadPipeline("paths: [*swift]\n", "1:9", "must be in quotes"),
        BadPipeline("name: @todo\n", "1:7", "must be in quotes"),
        BadPipeline("name: \u{1}\n", "1:7", "U+1", "remove it"),
        BadPipeline("name: !ruby/object todo\n", "1:7", "tag", "leave it out"),
        BadPipeline("? [a, b]\n: c\n", "1:3", "a key must be text"),
        BadPipeline("a: &x [1]\nb: *x\n", "2:4", "*x", "aliases"),
        BadPipeline("a: &x-1 [1]\nb: {c: [1, *x-1 ]}\n", "2:12", "*x-1"),
        BadPipeline("a: [&x 1,\"é\",*x]\n", "1:14", "*x"),
        BadPipeline("&x a : 1\n? *x\n: 2\n", "2:3", "*x"),
    ]

    @Test(arguments: notYAML) func isNamedWithItsPlace(bad: BadPipeline) {
        let faults = pipelineFaults(bad.text)
        guard let fault = faults.first(where: { "\($0.line):\($0.column)" == bad.place }) else {
            Issue.record("nothing at \(bad.place): \(faults)")
            return
        }
        for word in bad.words { #expect(fault.message.contains(word), "\(fault)") }
    }

    @Test func bytesThatAreNotUTF8() {
        let faults = pipelineFaults(Array("name: todo\nname: b".utf8) + [0xFF, 0x0A])
        #expect(faults.map(\.description) == ["p.yaml:2:8: not UTF-8: save the file in the encoding UTF-8"])
        let wide = Array("name: todo".utf16).flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        #expect(pipelineFaults([0xFF, 0xFE] + wide).first?.message.contains("UTF-8") == true)
    }

    @Test func aByteOrderMarkIsNoFault() {
        #expect(pipelineFaults("\u{FEFF}" + Sample.pipeline) == [])
    }

    @Test func lineEndsOfWindowsAreNoFault() {
        #expect(pipelineFaults(Sample.pipeline.split(separator: "\n").joined(separator: "\r\n")) == [])
    }

    @Test func anchorsThatGrowWithoutBoundEndAtOnce() {
        var bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1...60 {
            let items = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            bomb += "a\(level): &a\(level) [\(items)]\n"
        }
        let faults = pipelineFaults(bomb + "? *a60\n: 1\n")
        #expect(faults.count == 1)
        #expect(faults.first?.line == 2)
        #expect(faults.first?.message.contains("aliases are not read") == true)
    }

    @Test func sizeIsBounded() {
        let comment = "#" + String(repeating: "x", count: 256 * 1024 - Sample.pipeline.utf8.count - 1)
        #expect(pipelineFaults(Sample.pipeline + comment) == [])
        #expect(pipelineFaults(Sample.pipeline + comment + "x").first?.message.contains("at most 262144") == true)
    }

    /// Files that make the reader work as hard as it can: it answers all the same.
    @Test(arguments: [
        String(repeating: "a: 1\n", count: 50_000), "{" + String(repeating: "a: 1,", count: 50_000) + "}",
        String(repeating: "? ", count: 900) + "[" + String(repeating: "a,", count: 120_000) + "]",
        String(repeating: "{?", count: 900) + "[" + String(repeating: "a,", count: 120_000) + "]",
        String(repeating: "? ", count: 32) + "[" + String(repeating: "a,", count: 120_000) + "]",
        (0..<10_000).map { "k\($0): 1\nk\($0): 2\n" }.joined(), String(repeating: "- {a: 1, a: 2}\n", count: 17_000),
    ]) func hardWorkEnds(text: String) {
        let clock = ContinuousClock()
        let taken = clock.measure { #expect(!pipelineFaults(text).isEmpty) }
        #expect(taken < .seconds(120))
    }

    @Test(arguments: ["[", "{a: ", "- ", "? ", "[{a: ", "? - "]) func depthIsBounded(opening: String) {
        for count in [33, 900, 60_000] {
            let text = String(repeating: opening, count: min(count, 250_000 / opening.utf8.count))
            #expect(!pipelineFaults(text).isEmpty)
        }
    }

    @Test func nestingIsNamed() {
        let nested = "images: " + String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
        #expect(pipelineFaults(nested).contains { $0.message.contains("32 levels") && $0.column == 9 + 31 })
    }

    @Test(arguments: [
        ("yes", Scalar.Kind.flag(true)), ("Off", .flag(false)), ("true", .flag(true)), ("~", .null), ("", .null),
        ("12", .integer(12)), ("-7", .integer(-7)), ("010", .integer(10)), ("0x1F", .integer(31)),
        ("1_000", .integer(1000)),
        ("1.10", .number(1.1)), ("1e3", .number(1000)), (".5", .number(0.5)), ("-.inf", .number(-.infinity)),
        ("99999999999999999999", .number(1e20)), ("1.2.3", .text), ("1e", .text), ("e3", .text), (".", .text),
        ("-", .text),
        ("v1", .text), ("12:30", .text), ("0xZ", .text), ("y", .text), ("_1", .text), ("nan", .text), ("٣", .text),
    ]) func aScalarWithoutQuotes(text: String, kind: Scalar.Kind) {
        #expect(Scalar(plain: text).kind == kind)
    }

    /// Random damage to a good file: whatever comes out, it is a definition or a fault with a place in the file.
    @Test func damageNeverGoesUnanswered() {
        var random = SeededRandom()
        let bytes = Array(Sample.pipeline.utf8)
        let pool = Array("{}[]:,-&*!|>'\"%@`?# \t\n\\0a~é\u{2028}".utf8)
        for _ in 0..<1500 {
            var damaged = bytes
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let index = Int.random(in: 0..<damaged.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: damaged[index] = pool.randomElement(using: &random)!
                case 1: damaged.insert(pool.randomElement(using: &random)!, at: index)
                default: damaged.remove(at: index)
                }
            }
            let lines = damaged.count { $0 == 0x0A || $0 == 0x0D || $0 == 0xA8 } + 2
            for fault in pipelineFaults(damaged) {
                #expect((1...lines).contains(fault.line) && fault.column >= 1 && !fault.message.isEmpty)
            }
        }
    }
}
