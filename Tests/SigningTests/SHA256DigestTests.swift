import Foundation
import Signing
import Testing

@Suite struct SHA256DigestTests {
    /// FIPS 180-4's examples, and the digest of nothing.
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func hashes(text: String, expected: String) {
        #expect(SHA256Digest.hex(Array(text.utf8)) == expected)
        #expect(SHA256Digest.bytes(Array(text.utf8)).count == 32)
        var hasher = SHA256Digest.Hasher()
        for byte in text.utf8 { hasher.update([byte]) }
        #expect(hasher.finalizeHex() == expected)
    }

    @Test func aCopyOfAHasherGoesItsOwnWay() {
        var first = SHA256Digest.Hasher()
        first.update(Array("a".utf8))
        var second = first
        first.update(Array("bc".utf8))
        second.update(Array("x".utf8))
        #expect(first.finalizeHex() == SHA256Digest.hex(Array("abc".utf8)))
        #expect(second.finalizeHex() == SHA256Digest.hex(Array("ax".utf8)))
        second.update(Array("y".utf8))
        #expect(second.finalize() == SHA256Digest.bytes(Array("axy".utf8)))
    }

    @Test(arguments: [0, 1, 65_535, 65_536, 200_001])
    func hashesAFile(byteCount: Int) throws {
        let folder = try TemporaryFolder()
        let content = RandomToken.bytes(byteCount)
        let path = folder.path + "/content"
        try Data(content).write(to: URL(fileURLWithPath: path))
        #expect(try SHA256Digest.hexOfFile(path: path) == SHA256Digest.hex(content))
    }

    @Test func aMissingFileIsAnErrorWithItsName() {
        #expect {
            _ = try SHA256Digest.hexOfFile(path: "/nonexistent/content")
        } throws: { error in
            let error = error as? SigningError
            return error?.code == .file && error?.message.contains("/nonexistent/content: No such file") == true
        }
    }
}
