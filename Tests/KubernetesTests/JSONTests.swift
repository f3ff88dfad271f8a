import Testing

@testable import Kubernetes

@Suite struct JSONTests {
    @Test(arguments: [
        #"{"a":[1,2.5,-9007199254740993,true,null,"ü\n/"],"b":{}}"#, #"[]"#, #""""#, "0", "-0.5", "null",
        #"[[],{},[{"":[]}]]"#, #""\"\\\t\r\u0001😀""#, "9223372036854775807",
    ])
    func `A value survives the way there and back`(text: String) throws {
        #expect(try JSON(parsing: Array(text.utf8)).bytes == Array(text.utf8))
    }

    @Test(
        arguments: [
            (#" { "a" : [ 1 , 2 ] , "b" : "x" } "#, ["a": [1, 2], "b": "x"]),
            (#"{"a":1,"a":2}"#, ["a": 2]),
            (#""\u0041\u00fc\ud83d\ude00\/\b\f""#, "Aü😀/\u{8}\u{c}"),
            (#""\ud83d!""#, "\u{FFFD}!"),
            (#""\ud83d\u0041""#, "\u{FFFD}A"),
            ("1e3", .number(1000)),
            ("-1.5E-2", .number(-0.015)),
            ("18446744073709551616", .number(18_446_744_073_709_551_616)),
        ] as [(String, JSON)]
    )
    func `It is read as RFC 8259 has it`(text: String, value: JSON) throws {
        #expect(try JSON(parsing: Array(text.utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "{", "[", "[1,]", "{\"a\":1,}", "{a:1}", "{\"a\" 1}", "01", "-", "1.", "1e", "+1", ".5", "nul",
        "truee",
        "\"a", "\"\u{1}\"", #""\x""#, #""\u12""#, "1 2", "[1}", "<html>", "NaN", "1e999",
        String(repeating: "[", count: 100_000),
    ])
    func `What is no JSON is refused`(text: String) {
        #expect(throws: (any Error).self) { try JSON(parsing: Array(text.utf8)) }
    }

    @Test func `Paths are set, made and removed`() {
        var value: JSON = ["metadata": ["name": "web"]]
        value.set(["metadata", "labels", "app"], "web")
        #expect(value[["metadata", "labels", "app"]]?.string == "web")
        value.set(["metadata", "labels"], nil)
        #expect(value == ["metadata": ["name": "web"]])
    }
}
