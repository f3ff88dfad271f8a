import Foundation
import Testing

@testable import Pipelines

private func masker(_ secrets: String...) -> Masker { Masker(secrets: secrets.map { SecretValue($0) }) }

@Suite("Masking") struct MaskingTests {
    @Test(arguments: [
        ("nothing here", "nothing here"),
        ("token=s3cr3t/p@ss!", "token=***"),
        ("s3cr3t/p@ss!", "***"),
        ("s3cr3t/p@ss!s3cr3t/p@ss!", "******"),
        ("s3cr3t/p@ss", "s3cr3t/p@ss"),
        ("s3cr3s3cr3t/p@ss!", "s3cr3***"),
        ("https://u:s3cr3t%2Fp%40ss%21@host", "https://u:***@host"),
        ("https://u:s3cr3t%2fp%40ss%21@host", "https://u:***@host"),
        ("{\"a\":\"s3cr3t\\/p@ss!\"}", "{\"a\":\"***\"}"),
        ("czNjcjN0L3BAc3Mh", "***"),
        ("Grüße s3cr3t/p@ss! ü", "Grüße *** ü"),
        ("", ""),
    ]) func formsOfASecret(text: String, expected: String) {
        #expect(masker("s3cr3t/p@ss!").mask(text) == expected)
    }

    @Test(arguments: [
        "hunter2hunter2", "päss wörd \"x\"\\", "0123456789abcde", "0123456789abcdef", "a\tb\u{8}c\u{1}defgh",
    ])
    func everyEncodingThatPeopleUse(secret: String) throws {
        let masker = masker(secret)
        for prefix in ["", "u", "us", "user:"] {
            for suffix in ["", "\n", "!!"] {
                let encoded = Data((prefix + secret + suffix).utf8).base64EncodedString()
                let masked = masker.mask(encoded)
                #expect(masked.contains("***"), "\(encoded)")
                // What is left holds at most the bits that the secret shares with its neighbours.
                #expect(masked.utf8.count <= encoded.utf8.count - secret.utf8.count)
            }
        }
        let json = try JSONEncoder().encode([secret])
        #expect(String(decoding: masker.mask(Array(json)), as: UTF8.self) == "[\"***\"]")
        let allowed = CharacterSet(charactersIn: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
        let percent = try #require(secret.addingPercentEncoding(withAllowedCharacters: allowed))
        #expect(masker.mask("x=" + percent) == "x=***")
        #expect(masker.mask("x=" + percent.replacingOccurrences(of: "%20", with: "+")) == "x=***")
    }

    @Test func escapedUnicode() {
        #expect(masker("pässwörd😀").mask(#"{"p": "p\u00e4ssw\u00f6rd\ud83d\ude00"}"#) == #"{"p": "***"}"#)
    }

    @Test func shortSecretsAreNotMasked() {
        #expect(masker("abc").mask("abc") == "abc")
        #expect(masker("abcd").mask("abcd") == "***")
        #expect(masker("").mask("anything") == "anything")
        #expect(Masker(secrets: []).automaton == nil)
    }

    @Test func linesOfASecret() {
        let key = "-----BEGIN KEY-----\r\nAAAABBBBCCCC\r\nshort\nDDDDEEEEFFFF\n-----END KEY-----"
        let masker = masker(key)
        #expect(masker.mask(key) == "***")
        #expect(masker.mask("log: AAAABBBBCCCC\nshort\nDDDDEEEEFFFF") == "log: ***\nshort\n***")
        #expect(
            masker.mask(
                key.replacingOccurrences(of: "\r\n", with: "\\r\\n").replacingOccurrences(of: "\n", with: "\\n")
            ) == "***"
        )
    }

    @Test func whatOverlapsIsMaskedTogether() {
        #expect(masker("abcd", "cdef").mask("xabcdefx") == "x***x")
        #expect(masker("abcd", "abcdefgh").mask("abcdefgh abcdefg") == "*** ***efg")
        #expect(masker("aaaa").mask("xaaaaaaaaax") == "x***x")
        #expect(masker("bcde", "abcdef", "cdXX").mask("abcdXX") == "ab***")
        #expect(masker("abcd", "efgh").mask("abcdefgh") == "******")
    }

    @Test func theLineBreakAtTheEndOfASecret() {
        #expect(masker("s3cret-word\r\n").mask("is s3cret-word.") == "is ***.")
        #expect(masker("s3cret-word\n").mask("s3cret-word\n") == "***")
        #expect(masker("abc\n\n").mask("abc") == "abc")
    }

    @Test func bytesThatAreNotText() {
        let secret = SecretValue([0xFF, 0xFE, 0, 1, 2])
        #expect(Masker(secrets: [secret]).mask([9, 0xFF, 0xFE, 0, 1, 2, 9]) == [9] + Array("***".utf8) + [9])
    }

    /// However a text is cut, the masked pieces together are the masked text; and both are what a plain search finds.
    @Test func piecesGiveWhatTheWholeGives() {
        var random = SeededRandom()
        for _ in 0..<400 {
            let alphabet = Array("ab".utf8)
            func text(_ count: ClosedRange<Int>) -> [UInt8] {
                (0..<Int.random(in: count, using: &random)).map { _ in alphabet.randomElement(using: &random)! }
            }
            let secrets = (0..<Int.random(in: 1...4, using: &random)).map { _ in text(4...9) }
            let whole = text(0...60)
            let masker = Masker(secrets: secrets.map { SecretValue($0) })
            let expected = plainlyMasked(whole, secrets)
            #expect(masker.mask(whole) == expected)
            var stream = StreamMasker(masker)
            var given: [UInt8] = []
            var rest = whole[...]
            while !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...12, using: &random))
                given += stream.mask(Array(piece))
                rest = rest.dropFirst(piece.count)
            }
            #expect(given + stream.flush() == expected)
        }
    }

    /// By definition: every byte of every occurrence is covered, and what overlaps has one mask.
    private func plainlyMasked(_ text: [UInt8], _ secrets: [[UInt8]]) -> [UInt8] {
        var ranges: [Range<Int>] = []
        for secret in secrets where secret.count <= text.count {
            for start in 0...(text.count - secret.count)
            where text[start..<(start + secret.count)].elementsEqual(secret) {
                ranges.append(start..<(start + secret.count))
            }
        }
        ranges.sort { ($0.lowerBound, $0.upperBound) < ($1.lowerBound, $1.upperBound) }
        var masked: [UInt8] = []
        var position = 0
        for range in ranges {
            if range.lowerBound >= position {
                masked += text[position..<range.lowerBound] + Array("***".utf8)
            }
            position = max(position, range.upperBound)
        }
        return masked + text[position...]
    }

    @Test func aStreamKeepsBackNoMoreThanItMust() {
        var stream = StreamMasker(masker("abcdefgh"))
        #expect(stream.mask(Array("hello\n".utf8)) == Array("hello\n".utf8))
        #expect(stream.mask(Array("x abc".utf8)) == Array("x ".utf8))
        #expect(stream.mask(Array("x".utf8)) == Array("abcx".utf8))
        #expect(stream.mask(Array("abcd".utf8)) == [])
        #expect(stream.mask(Array("efgh".utf8)) == Array("***".utf8))
        #expect(stream.mask(Array("abc".utf8)) == [])
        #expect(stream.flush() == Array("abc".utf8))
        #expect(stream.mask(Array("def\n".utf8)) == Array("def\n".utf8))
    }

    @Test func anEndlessRunOfOneSecretIsNotKept() {
        var stream = StreamMasker(masker("aaaa"))
        var given = 0
        for _ in 0..<1000 { given += stream.mask(Array(repeating: UInt8(ascii: "a"), count: 100)).count }
        #expect(given == 3)
        #expect(stream.flush() == [])
        #expect(stream.mask(Array("b".utf8)) == Array("b".utf8))
    }

    @Test func manySecretsAndMuchText() {
        let secrets = (0..<64).map { SecretValue("secret-number-\($0)-" + String(repeating: "x", count: $0)) }
        let masker = Masker(secrets: secrets)
        let line = "building step secret-number-7-xxxxxxx and secret-number-99 of the image\n"
        let text = Array(String(repeating: line, count: 5000).utf8)
        let clock = ContinuousClock()
        let taken = clock.measure {
            let masked = String(decoding: masker.mask(text), as: UTF8.self)
            #expect(masked == String(repeating: "building step *** and secret-number-99 of the image\n", count: 5000))
        }
        #expect(taken < .seconds(60))
    }
}
