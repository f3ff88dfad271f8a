import Signing
import Testing

@Suite struct RandomTokenTests {
    @Test(arguments: [(0, 0), (1, 2), (2, 3), (3, 4), (16, 22), (32, 43)])
    func hasBase64URLsLength(bytes: Int, characters: Int) {
        #expect(RandomToken.make(bytes: bytes).utf8.count == characters)
        #expect(RandomToken.bytes(bytes).count == bytes)
    }

    @Test func usesTheWholeAlphabetAndNothingElse() {
        let seen = Set((0..<200).flatMap { _ in RandomToken.make() })
        #expect(seen == Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"))
    }

    @Test func doesNotRepeat() {
        #expect(Set((0..<1_000).map { _ in RandomToken.make(bytes: 16) }).count == 1_000)
    }
}
