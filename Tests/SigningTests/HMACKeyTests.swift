import Signing
import Testing

@Suite struct HMACKeyTests {
    /// RFC 4231, test cases 1, 2, 3, 4, 6 and 7.
    @Test(arguments: [
        (
            [UInt8](repeating: 0x0b, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xaa, count: 20), [UInt8](repeating: 0xdd, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"
        ),
        (
            Array(1...25), [UInt8](repeating: 0xcd, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
        (
            [UInt8](repeating: 0xaa, count: 131),
            Array(
                ("This is a test using a larger than block-size key and a larger than block-size data. "
                    + "The key needs to be hashed before being used by the HMAC algorithm.").utf8
            ),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"
        ),
    ])
    func signs(secret: [UInt8], body: [UInt8], expected: String) throws {
        let key = try HMACKey(secret)
        // Twice: the second use gets the first one's context back.
        #expect(WebhookSignature.header(for: body, key: key) == "sha256=" + expected)
        #expect(WebhookSignature.header(for: body, key: key) == "sha256=" + expected)
    }

    @Test func anEmptyBodyHasASignature() throws {
        // Agrees with: openssl dgst -sha256 -hmac key /dev/null
        let key = try HMACKey(Array("key".utf8))
        #expect(
            WebhookSignature.header(for: [], key: key)
                == "sha256=5d5d139563c95b5967b9bd9a8c9b233a9dedb45072794cd232dc1b74832607d0"
        )
    }

    @Test func anEmptySecretIsRefused() {
        #expect(performing: { _ = try HMACKey([]) }, throws: { ($0 as? SigningError)?.code == .emptySecret })
    }

    @Test func manyThreadsShareOneKey() async throws {
        let key = try HMACKey(Array("shared".utf8))
        let bodies = (0..<64).map { [UInt8](repeating: UInt8($0), count: 100 * $0) }
        let expected = bodies.map { key.sign($0) }
        let agreeing = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { @concurrent in
                    var agreeing = 0
                    for _ in 0..<20 { agreeing += zip(bodies, expected).count { key.sign($0) == $1 } }
                    return agreeing
                }
            }
            return await group.reduce(0, +)
        }
        #expect(agreeing == 8 * 20 * 64)
    }
}
