import COpenSSL

/// A secret for HMAC-SHA256, with its key schedule computed once. Safe to use from many threads at a time.
public struct HMACKey: Sendable {
    private let contexts: KeyedContexts

    /// - Throws: ``SigningError`` with code `emptySecret` if the secret has no bytes.
    public init(_ secret: [UInt8]) throws {
        guard !secret.isEmpty else {
            throw SigningError(code: .emptySecret, message: "a signing secret must not be empty")
        }
        contexts = try KeyedContexts(secret)
    }

    /// The HMAC-SHA256 of `body` (RFC 2104): 32 bytes.
    public func sign(_ body: [UInt8]) -> [UInt8] {
        contexts.withContext { context in
            let absorbed = body.withUnsafeBufferPointer { EVP_MAC_update(context, $0.baseAddress, $0.count) }
            precondition(absorbed == 1, "HMAC-SHA256 refused bytes")
            return [UInt8](unsafeUninitializedCapacity: SHA256Digest.byteCount) { mac, count in
                let done = EVP_MAC_final(context, mac.baseAddress, &count, mac.count)
                precondition(done == 1 && count == SHA256Digest.byteCount, "HMAC-SHA256 gave no result")
            }
        }
    }
}

/// Contexts of one key, lent to one call each.
///
/// Setting a lent context back to its key copies two hash states; making a new one would also cost ten allocations.
/// Sendable because the template is only ever read, and each lent context belongs to one caller.
private final class KeyedContexts: @unchecked Sendable {
    private let template: OpaquePointer
    private let idle = Lock<[OpaquePointer]>([])

    /// More than this many threads hashing under one key at one instant would make and free their own.
    private static let idleLimit = 32

    init(_ secret: [UInt8]) throws {
        guard let template = EVP_MAC_CTX_new(Algorithms.hmac) else { throw SigningError.openSSL("HMAC context") }
        let keyed = "SHA256".withCString { name in
            let parameters = [
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, UnsafeMutablePointer(mutating: name), 0),
                OSSL_PARAM_construct_end(),
            ]
            return EVP_MAC_init(template, secret, secret.count, parameters)
        }
        guard keyed == 1 else {
            EVP_MAC_CTX_free(template)
            throw SigningError.openSSL("HMAC key")
        }
        self.template = template
    }

    deinit {
        idle.withLock { $0.forEach(EVP_MAC_CTX_free) }
        EVP_MAC_CTX_free(template)
    }

    func withContext<Result>(_ body: (OpaquePointer) -> Result) -> Result {
        let context = idle.withLock { $0.popLast() } ?? EVP_MAC_CTX_dup(template)
        // A null key keeps the key that the context has.
        guard let context, EVP_MAC_init(context, nil, 0, nil) == 1 else { fatalError("HMAC context: out of memory") }
        defer {
            let kept = idle.withLock { idle in
                guard idle.count < Self.idleLimit else { return false }
                idle.append(context)
                return true
            }
            if !kept { EVP_MAC_CTX_free(context) }
        }
        return body(context)
    }
}
