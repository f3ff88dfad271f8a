import Pipelines
import Testing

@Suite("What is wrong with a smoke test") struct SmokeFaultTests {
    private static func bad(_ checks: String, _ place: String, _ words: String...) -> BadPipeline {
        var bad = BadPipeline(Sample.pipeline(adding: "smokeTest: [\(checks)]"), place)
        bad.words = words
        return bad
    }

    /// Two checks: the first one captures `task`.
    private static func after(_ check: String, _ column: Int, _ words: String...) -> BadPipeline {
        let first = "{ post: 'http://x/', capture: { task: id } }, "
        var bad = bad(first + check, "10:\(12 + first.count + column)")
        bad.words = words
        return bad
    }

    /// What editors see too.
    static let shapes: [BadPipeline] = [
        bad("{ name: x }", "10:13", "needs one of the keys 'get', 'post', 'put', 'patch', 'delete'"),
        bad("{ gett: 'http://x/' }", "10:15", "did you mean 'get'"),
        bad("{ get: 'http://x/', post: 'http://x/' }", "10:33", "only one"),
        bad("{ get: 'http://x/', json: {} }", "10:33", "'json' beside 'get'", "write post"),
        bad("{ get: 'http://x/', body: x }", "10:33", "'body' beside 'get'", "write post"),
        bad("{ put: 'http://x/', json: {}, body: x }", "10:43", "'body' beside 'json'", "keep one"),
        bad("{ put: 'http://x/', json: }", "10:39", "json must be a mapping, a list, text, a number", "empty"),
        bad("{ put: 'http://x/', json: { a: [1, yes] } }", "10:48", "json.a[1]", "write true or false"),
        bad("{ put: 'http://x/', body: 7 }", "10:39", "in quotes"),
        bad("{ patch: 'file:///x' }", "10:22", "service://"),
        after("{ delete: 'http://{{task}}/' }", 11, "begin with service://name:port/path, http:// or https://"),
        after("{ delete: 'service://web:{{task}}/' }", 11, "begin with service://"),
        bad("{ post: 'http://x/', capture: { a-b: id } }", "10:45", "'a-b'", "letters, digits and _"),
        bad("{ post: 'http://x/', capture: { a: b..c } }", "10:48", "between two dots"),
        bad("{ post: 'http://x/', capture: [id] }", "10:43", "a mapping"),
    ]

    private static let long = String(repeating: "x", count: 65_533)

    /// What only the reader sees.
    static let rules: [BadPipeline] = [
        bad("{ put: 'http://x/', json: { a: { b: 010 } } }", "10:49", "json.a.b", "'010'"),
        after("{ get: 'http://x/{{tasks}}' }", 8, "{{tasks}}", "no check before it", "did you mean {{task}}?"),
        after("{ get: 'http://x/', headers: { A: 'b {{ x1 }}' } }", 35, "{{x1}}", "add capture: { x1: PATH }"),
        after("{ put: 'http://x/', json: { a: ['{{x y}}'] } }", 33, "{{x y}}", "add capture: { NAME: PATH }"),
        after("{ put: 'http://x/', body: '{{}}' }", 27, "{{}}", "add capture: { NAME: PATH }"),
        after("{ get: 'http://x/', expect: { json: { a: '{{other}}' } } }", 42, "{{other}}"),
        after("{ get: 'http://x/', expect: { body: '{{other}}' } }", 37, "{{other}}"),
        after("{ get: 'http://x/', expect: { headers: { A: '{{other}}' } } }", 45, "{{other}}"),
        after("{ get: 'http://x/{{a}}' }, { get: 'http://x/', capture: { a: b } }", 8, "smokeTest[2] does: put it"),
        after("{ get: 'http://x/{{a1}}', capture: { a1: b } }", 8, "its own answer it does not know yet"),
        after("{ put: 'http://x/', capture: { task: id } }", 32, "'task'", "smokeTest[0] captures too", "another name"),
        // Also where nothing is captured: somebody has forgotten to.
        bad("{ delete: 'http://x/{{task}}' }", "10:23", "{{task}}", "add capture: { task: PATH } to a check before it"),
        bad("{ put: 'http://x/', json: ['\(long)'] }", "10:39", "65537 bytes", "at most 65536"),
        bad("{ get: 'http://x/', tls: { validFor: 1d } }", "10:33", "is no https address: leave it out"),
        bad("{ post: 'service://x:1/', tls: { validFor: 1d } }", "10:39", "is no https address: leave it out"),
    ]

    @Test(arguments: shapes + rules) func isNamedWithItsPlace(bad: BadPipeline) {
        let faults = pipelineFaults(bad.text)
        #expect(faults.count == 1, "\(faults)")
        guard let fault = faults.first else { return }
        #expect("\(fault.line):\(fault.column)" == bad.place, "\(fault)")
        for word in bad.words { #expect(fault.message.contains(word), "\(fault)") }
    }
}
