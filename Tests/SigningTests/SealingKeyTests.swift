import Foundation
import Testing

@testable import Signing

@Suite struct SealingKeyTests {
    private let key = try! SealingKey(bytes: Array(0..<32))

    @Test(arguments: [0, 1, 15, 16, 17, 100_000])
    func opensWhatItSealed(byteCount: Int) throws {
        let plaintext = RandomToken.bytes(byteCount)
        let sealed = try key.seal(plaintext, context: "release/7")
        #expect(sealed.count == 1 + 12 + byteCount + 16)
        #expect(sealed.first == 1)
        #expect(try key.open(sealed, context: "release/7") == plaintext)
    }

    @Test func twoSealsOfOneValueDiffer() throws {
        #expect(try key.seal([1, 2, 3], context: "a") != key.seal([1, 2, 3], context: "a"))
    }

    /// Sealed by another implementation (python3-cryptography's AESGCM, key 0…31, nonce 0…11, associated data
    /// `\x01` + `release/7`): pins the format.
    @Test func opensAnotherImplementationsSeal() throws {
        let sealed = try #require(Hex.decode(Array(Self.foreignSeal.utf8)))
        #expect(try key.open(sealed, context: "release/7") == Array("attack at dawn".utf8))
    }

    private static let foreignSeal =
        "01000102030405060708090a0b2676a27aa68ee27af961f3eac687a3909447a5b243fe4d0ff71ced2a9474"

    @Test func everyChangedByteIsNoticed() throws {
        let sealed = try key.seal(Array("value".utf8), context: "c")
        for index in sealed.indices {
            var damaged = sealed
            damaged[index] ^= 0x10
            #expect(throws: SigningError.self, "byte \(index)") { try key.open(damaged, context: "c") }
        }
        for count in 0..<sealed.count {
            #expect(throws: SigningError.self, "\(count) bytes") { try key.open(Array(sealed[..<count]), context: "c") }
        }
    }

    @Test func anotherKeyOrContextDoesNotOpen() throws {
        let sealed = try key.seal(Array("value".utf8), context: "release/7")
        let other = try SealingKey(bytes: Array(1...32))
        for attempt in [
            { try key.open(sealed, context: "release/8") }, { try other.open(sealed, context: "release/7") },
        ] {
            #expect(performing: { _ = try attempt() }, throws: { ($0 as? SigningError)?.code == .notAuthentic })
        }
    }

    @Test(arguments: [0, 16, 31, 33])
    func aKeyHas32Bytes(count: Int) {
        #expect(throws: SigningError.self) { try SealingKey(bytes: [UInt8](repeating: 1, count: count)) }
    }

    @Test func textNeverShowsTheKey() {
        #expect("\(key)" == "SealingKey")
        #expect(String(reflecting: key) == "SealingKey")
    }
}

@Suite struct SealingKeyFileTests {
    private let folder: TemporaryFolder
    private let path: String

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path + "/seal.key"
    }

    @Test func isMadeOnceForItsOwnerOnly() throws {
        let sealed = try SealingKey.load(path: path, createIfMissing: true).seal([7], context: "c")
        #expect(try SealingKey.load(path: path, createIfMissing: true).open(sealed, context: "c") == [7])
        #expect(try SealingKey.load(path: path, createIfMissing: false).open(sealed, context: "c") == [7])
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(attributes[.size] as? Int == 32)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == ["seal.key"])
    }

    @Test func isNotMadeUnlessAskedFor() throws {
        #expect {
            _ = try SealingKey.load(path: path, createIfMissing: false)
        } throws: { error in
            (error as? SigningError)?.code == .file
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }

    @Test func startersAtOnceEndWithOneKey() async throws {
        let path = path
        let seals = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<8 {
                group.addTask { @concurrent in
                    try SealingKey.load(path: path, createIfMissing: true).seal([9], context: "c")
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let key = try SealingKey.load(path: path, createIfMissing: false)
        for sealed in seals { #expect(try key.open(sealed, context: "c") == [9]) }
    }

    @Test(arguments: [0o640, 0o604, 0o620, 0o601])
    func isRefusedIfOthersHaveRights(mode: Int) throws {
        try write(RandomToken.bytes(32), mode: mode)
        expectRefusal("others than its owner may use it")
    }

    @Test(arguments: [0, 31, 33, 65])
    func isRefusedWithAnotherSize(count: Int) throws {
        try write(RandomToken.bytes(count), mode: 0o600)
        expectRefusal("it has \(count) bytes where a key has 32")
    }

    @Test func isRefusedUnlessItIsAPlainFile() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        expectRefusal("it is not a plain file")
    }

    @Test func aLinkIsNotFollowed() throws {
        try write(RandomToken.bytes(32), mode: 0o600)
        let linkPath = folder.path + "/link.key"
        try FileManager.default.createSymbolicLink(atPath: linkPath, withDestinationPath: path)
        #expect(throws: SigningError.self) { try SealingKey.load(path: linkPath, createIfMissing: true) }
    }

    private func write(_ bytes: [UInt8], mode: Int) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
    }

    private func expectRefusal(_ reason: String, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(sourceLocation: sourceLocation) {
            _ = try SealingKey.load(path: path, createIfMissing: true)
        } throws: { error in
            let error = error as? SigningError
            return error?.code == .badKey && error?.message.contains(reason) == true
                && error?.message.contains(path) == true
        }
    }
}
