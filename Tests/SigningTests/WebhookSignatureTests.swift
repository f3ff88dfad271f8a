import Signing
import Testing

@Suite struct WebhookSignatureTests {
    /// The example of "Validating webhook deliveries" in GitHub's documentation.
    private static let secret = Array("It's a Secret to Everybody".utf8)
    private static let body = Array("Hello, World!".utf8)
    private static let header = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

    @Test func signsGitHubsExample() throws {
        let key = try HMACKey(Self.secret)
        #expect(WebhookSignature.header(for: Self.body, key: key) == Self.header)
        #expect(WebhookSignature.verify(Self.header, body: Self.body, keys: [key]) == 0)
    }

    @Test func acceptsUpperCaseDigits() throws {
        let key = try HMACKey(Self.secret)
        let header = "sha256=" + Self.header.dropFirst(7).uppercased()
        #expect(WebhookSignature.verify(header, body: Self.body, keys: [key]) == 0)
    }

    @Test(arguments: [
        "", "sha256=", "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha1=757107ea0eb2509fc211221cce984b8a37570b6d",
        "SHA256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        " sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17 ",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1700",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e1g",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043eé",
        "sha256= 57107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=057107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e18",
    ])
    func refuses(header: String) throws {
        #expect(WebhookSignature.verify(header, body: Self.body, keys: [try HMACKey(Self.secret)]) == nil)
    }

    @Test func refusesAnotherBodyAndNoKeys() throws {
        let key = try HMACKey(Self.secret)
        #expect(WebhookSignature.verify(Self.header, body: Array("Hello, World?".utf8), keys: [key]) == nil)
        #expect(WebhookSignature.verify(Self.header, body: [], keys: [key]) == nil)
        #expect(WebhookSignature.verify(Self.header, body: Self.body, keys: []) == nil)
    }

    @Test(arguments: 0..<4)
    func namesTheKeyThatMatched(position: Int) throws {
        let keys = try (0..<4).map { try HMACKey($0 == position ? Self.secret : Array("other \($0)".utf8)) }
        #expect(WebhookSignature.verify(Self.header, body: Self.body, keys: keys) == position)
    }

    @Test func theFirstOfTwoEqualKeysCounts() throws {
        let keys = try [HMACKey([1]), HMACKey(Self.secret), HMACKey(Self.secret)]
        #expect(WebhookSignature.verify(Self.header, body: Self.body, keys: keys) == 1)
    }

    @Test func comparesWholeArrays() {
        #expect(constantTimeEqual([], []))
        #expect(constantTimeEqual([1, 2, 3], [1, 2, 3]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2, 4]))
        #expect(!constantTimeEqual([1, 2, 3], [1, 2]))
        #expect(!constantTimeEqual([0], []))
    }
}
