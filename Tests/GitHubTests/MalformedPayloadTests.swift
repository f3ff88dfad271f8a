import GitHub
import Testing

@Suite struct MalformedPayloadTests {
    @Test(arguments: [
        "", " ", "null", "7", #""text""#, "[]", "{", "}", "{]", #"{"ref"}"#, #"{"ref": }"#, #"{"ref": "x",}"#,
        #"{ref: "x"}"#, #"{'ref': 'x'}"#, #"{"ref": "x}"#, #"{"ref": "\x"}"#, "{\"ref\": \"a\nb\"}", #"{"a": tru}"#,
        #"{"a": "\ud800"}"#, #"{"a": "\udc00"}"#, #"{"a": "\ud800\u0041"}"#, #"{"a": "\u12"}"#,
    ])
    func isRefused(json: String) {
        expectFault(in: Array(json.utf8), PayloadError.wholePayload)
    }

    @Test(arguments: ["x", "{}", ",", "\0", " null", "]"])
    func isRefusedWithGarbageBehindIt(garbage: String) {
        expectFault(in: Payload().bytes + Array(garbage.utf8), PayloadError.wholePayload)
    }

    @Test func mayEndInSpace() throws {
        #expect(try decodePush([0x20, 0x0a] + Payload().bytes + [0x0d, 0x0a, 0x09, 0x20]) != nil)
    }

    @Test(
        arguments: [
            [0xff], [0xc3], [0xc0, 0xaf], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0x80],
        ] as [[UInt8]]
    )
    func isRefusedUnlessUTF8(bytes: [UInt8]) {
        // In a field that is read, in one that is not, and in a name.
        for json in [#"{"ref": "$"}"#, #"{"unread": "$"}"#, #"{"$": 1}"#] {
            let parts = Array(json.utf8).split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false)
            expectFault(in: parts[0] + bytes + parts[1], PayloadError.wholePayload)
        }
    }

    @Test(arguments: ["[", #"{"a":"#])
    func isRefusedIfNestedDeeply(opening: String) {
        let closing = opening == "[" ? "]" : "}"
        let nested = String(repeating: opening, count: 10_000) + "1" + String(repeating: closing, count: 10_000)
        expectFault(in: Payload().setting("unread", nested).bytes, PayloadError.wholePayload)
        expectFault(in: Array(nested.utf8), PayloadError.wholePayload)
        // Never closed, and larger than what a parser keeps.
        expectFault(in: Array(String(repeating: opening, count: 400_000).utf8), PayloadError.wholePayload)
    }

    @Test func mayBeNestedAHundredDeep() throws {
        let nested = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        #expect(try Payload().setting("unread", nested).decode() != nil)
        let large = "[" + String(repeating: nested + ",", count: 5_000) + "1]"
        #expect(try Payload().setting("unread", large).decode() != nil)
    }

    /// A parser is used again: what one document left behind must not show in the next.
    @Test func doesNotShowInTheNextOne() throws {
        for size in [1, 10_000, 3_000_000, 10] {
            let text = String(repeating: "é", count: size)
            expectFault(in: Array(#"{"ref": "\#(text)"}"#.utf8), "ref")
            expectFault(in: Array(#"{"ref": "\#(text)"#.utf8), PayloadError.wholePayload)
            let push = try #require(try Payload().setting("head_commit.message", "\"\(text)\"").decode())
            #expect(push.headCommit?.message == text)
        }
    }

    /// Every prefix of a good payload is a bad one, and none crashes.
    @Test func isRefusedWhereverItIsCut() {
        let bytes = Payload().bytes
        for count in 0..<bytes.count {
            expectFault(in: Array(bytes[..<count]), PayloadError.wholePayload)
        }
    }
}
