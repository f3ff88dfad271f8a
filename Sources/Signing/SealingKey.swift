import COpenSSL

/// A key that seals what must be kept but not read: AES-256-GCM.
///
/// A sealed value is one version byte, a random nonce of 12 bytes, the ciphertext and a tag of 16 bytes. Nonces are
/// random: one key is good for some 2³² values (NIST SP 800-38D, 8.3).
public struct SealingKey: Sendable {
    static let byteCount = 32
    private static let version: UInt8 = 1
    private static let nonceCount = 12
    private static let tagCount = 16

    private let key: KeyBytes

    /// - Throws: ``SigningError`` with code `badKey` unless there are 32 bytes.
    public init(bytes: [UInt8]) throws {
        guard bytes.count == Self.byteCount else {
            throw SigningError(code: .badKey, message: "a sealing key has 32 bytes, not \(bytes.count)")
        }
        key = KeyBytes(bytes)
    }

    /// Reads a key file; makes one of 32 random bytes (mode 0600, on the disk before this returns) if there is none and
    /// `createIfMissing` says so. Two processes that do so at once end with the same key.
    ///
    /// Blocks on the disk.
    /// - Throws: ``SigningError`` with code `badKey` if the file has a wrong size, is not a plain file, belongs to
    ///   somebody else or gives anybody else any right; with code `file` if it cannot be read or written.
    public static func load(path: String, createIfMissing: Bool) throws -> SealingKey {
        if createIfMissing && !KeyFile.exists(path) {
            _ = try KeyFile.create(path, RandomToken.bytes(byteCount))
        }
        return try SealingKey(bytes: KeyFile.read(path, byteCount: byteCount))
    }

    /// Seals `plaintext`. The same `context` must be given to open it: name what the value belongs to, so that a sealed
    /// value that is moved to another place does not open there.
    public func seal(_ plaintext: [UInt8], context: String) throws -> [UInt8] {
        let nonce = RandomToken.bytes(Self.nonceCount)
        let cipher = try Cipher.start(key: key, nonce: nonce, context: Self.authenticated(context), sealing: true)
        var sealed = [Self.version] + nonce
        sealed += try cipher.update(plaintext)
        guard cipher.finish() else { throw SigningError.openSSL("seal") }
        return try sealed + cipher.tag(count: Self.tagCount)
    }

    /// Opens what ``seal(_:context:)`` made.
    ///
    /// - Throws: ``SigningError`` with code `notAuthentic` if a bit was changed, or key or context are not those that
    ///   the value was sealed with; it does not say which.
    public func open(_ sealed: [UInt8], context: String) throws -> [UInt8] {
        let refusal = SigningError(
            code: .notAuthentic,
            message: "a sealed value does not open: it is damaged, or was sealed with another key or for another place"
        )
        let overhead = 1 + Self.nonceCount + Self.tagCount
        guard sealed.count >= overhead, sealed[0] == Self.version else { throw refusal }
        let nonce = Array(sealed[1..<1 + Self.nonceCount])
        let ciphertext = Array(sealed[(1 + Self.nonceCount)..<(sealed.count - Self.tagCount)])
        let cipher = try Cipher.start(key: key, nonce: nonce, context: Self.authenticated(context), sealing: false)
        let plaintext = try cipher.update(ciphertext)
        try cipher.expect(tag: Array(sealed.suffix(Self.tagCount)))
        guard cipher.finish() else {
            ERR_clear_error()
            throw refusal
        }
        return plaintext
    }

    /// The version is authenticated too: a later format cannot be passed off as this one.
    private static func authenticated(_ context: String) -> [UInt8] {
        [version] + Array(context.utf8)
    }
}

extension SealingKey: CustomStringConvertible {
    /// Never the key.
    public var description: String { "SealingKey" }
}

/// Bytes of a key, wiped when the last owner is gone. Sendable because they never change before that.
private final class KeyBytes: @unchecked Sendable {
    let pointer: UnsafeMutableBufferPointer<UInt8>

    init(_ bytes: [UInt8]) {
        pointer = .allocate(capacity: bytes.count)
        _ = pointer.initialize(from: bytes)
    }

    deinit {
        OPENSSL_cleanse(pointer.baseAddress, pointer.count)
        pointer.deallocate()
    }
}

/// One use of AES-256-GCM. The order is: context, bytes, tag.
private struct Cipher: ~Copyable {
    private let context: OpaquePointer

    private init(takingOwnershipOf context: OpaquePointer) {
        self.context = context
    }

    static func start(key: KeyBytes, nonce: [UInt8], context associated: [UInt8], sealing: Bool) throws -> Cipher {
        guard let context = EVP_CIPHER_CTX_new() else { throw SigningError.openSSL("AES-256-GCM") }
        let cipher = Cipher(takingOwnershipOf: context)
        let direction: Int32 = sealing ? 1 : 0
        // AES-256-GCM's own nonce length is 12 bytes.
        let started = EVP_CipherInit_ex2(context, Algorithms.aes256GCM, key.pointer.baseAddress, nonce, direction, nil)
        guard started == 1 else { throw SigningError.openSSL("AES-256-GCM") }
        var count: Int32 = 0
        guard EVP_CipherUpdate(context, nil, &count, associated, Int32(associated.count)) == 1 else {
            throw SigningError.openSSL("AES-256-GCM")
        }
        return cipher
    }

    deinit { EVP_CIPHER_CTX_free(context) }

    func update(_ input: [UInt8]) throws -> [UInt8] {
        guard input.count <= Int(Int32.max) else {
            throw SigningError(code: .library, message: "a value of \(input.count) bytes is too large to seal")
        }
        var output = [UInt8](repeating: 0, count: input.count)
        var count: Int32 = 0
        guard EVP_CipherUpdate(context, &output, &count, input, Int32(input.count)) == 1, Int(count) == input.count
        else { throw SigningError.openSSL("AES-256-GCM") }
        return output
    }

    /// True if sealing ended well, or the tag is that of what was opened.
    func finish() -> Bool {
        var rest = [UInt8](repeating: 0, count: 16)
        var count: Int32 = 0
        return EVP_CipherFinal_ex(context, &rest, &count) == 1
    }

    func tag(count: Int) throws -> [UInt8] {
        var tag = [UInt8](repeating: 0, count: count)
        guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(count), &tag) == 1 else {
            throw SigningError.openSSL("AES-256-GCM tag")
        }
        return tag
    }

    func expect(tag: [UInt8]) throws {
        var tag = tag
        guard EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tag.count), &tag) == 1 else {
            throw SigningError.openSSL("AES-256-GCM tag")
        }
    }
}
