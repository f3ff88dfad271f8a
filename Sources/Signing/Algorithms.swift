import COpenSSL

/// The algorithms of OpenSSL 3, fetched once: a fetch by name takes locks and costs more than hashing a small body.
///
/// They are immutable and counted by reference inside OpenSSL, hence safe to use from every thread.
enum Algorithms {
    nonisolated(unsafe) static let sha256 = required(EVP_MD_fetch(nil, "SHA256", nil), "SHA256")
    nonisolated(unsafe) static let hmac = required(EVP_MAC_fetch(nil, "HMAC", nil), "HMAC")
    nonisolated(unsafe) static let aes256GCM = required(EVP_CIPHER_fetch(nil, "AES-256-GCM", nil), "AES-256-GCM")

    private static func required(_ algorithm: OpaquePointer?, _ name: String) -> OpaquePointer {
        guard let algorithm else {
            // Nothing that this program promises can be kept without it.
            fatalError("OpenSSL offers no \(name): check the machine's openssl.cnf")
        }
        return algorithm
    }
}
