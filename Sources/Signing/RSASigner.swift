import COpenSSL

/// Signs with RSA and SHA-256 (RSASSA-PKCS1-v1_5; RFC 8017, 8.2): what JSON Web Tokens call RS256.
public struct RSASigner: Sendable {
    private let key: PrivateKey

    /// - Parameter pem: A private key in PEM form, PKCS #1 or PKCS #8, without a passphrase.
    /// - Throws: ``SigningError`` with code `badKey` if it is not an RSA key of at least 2,048 bits.
    public init(pem: [UInt8]) throws {
        key = try PrivateKey(pem: pem)
    }

    /// The signature of `message`, as long as the key's modulus.
    public func sign(_ message: [UInt8]) throws -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else { throw SigningError.openSSL("RSA context") }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, EVP_sha256(), nil, key.pointer) == 1 else {
            throw SigningError.openSSL("RSA key")
        }
        var signature = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(key.pointer)))
        var length = signature.count
        guard EVP_DigestSign(context, &signature, &length, message, message.count) == 1 else {
            throw SigningError.openSSL("RSA signature")
        }
        return Array(signature.prefix(length))
    }
}

/// Sendable because the key is only ever read; OpenSSL counts the references to it atomically.
private final class PrivateKey: @unchecked Sendable {
    let pointer: OpaquePointer

    init(pem: [UInt8]) throws {
        guard let source = BIO_new_mem_buf(pem, Int32(clamping: pem.count)) else {
            throw SigningError.openSSL("private key")
        }
        defer { BIO_free(source) }
        // Without a callback OpenSSL would ask for a passphrase on the terminal.
        guard let key = PEM_read_bio_PrivateKey(source, nil, { _, _, _, _ in -1 }, nil) else {
            ERR_clear_error()
            throw SigningError(code: .badKey, message: "the private key is not one in PEM form without a passphrase")
        }
        guard EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA, EVP_PKEY_get_bits(key) >= 2_048 else {
            EVP_PKEY_free(key)
            throw SigningError(code: .badKey, message: "the private key is not an RSA key of at least 2,048 bits")
        }
        pointer = key
    }

    deinit { EVP_PKEY_free(pointer) }
}
