import COpenSSL

/// GitHub's `X-Hub-Signature-256` header: `sha256=` and the HMAC-SHA256 of the raw body in hexadecimal.
///
/// Source: "Validating webhook deliveries" in GitHub's documentation.
public enum WebhookSignature {
    private static let prefix = Array("sha256=".utf8)

    /// The header's value for `body`, in lower case.
    public static func header(for body: [UInt8], key: HMACKey) -> String {
        "sha256=" + Hex.encode(key.sign(body))
    }

    /// The index of the first key under which `header` signs `body`, or nil if there is none.
    ///
    /// Every key is tried in constant time whether or not one before it matched, so the time taken tells neither how
    /// much of a guess was right nor which secret it was. A malformed header (anything but `sha256=` and 64 hexadecimal
    /// digits) is nil at once: that much the sender knows.
    public static func verify(_ header: String, body: [UInt8], keys: [HMACKey]) -> Int? {
        guard let claimed = signature(in: header) else { return nil }
        var match: Int?
        for (index, key) in keys.enumerated() {
            let equal = constantTimeEqual(key.sign(body), claimed)
            if equal && match == nil { match = index }
        }
        return match
    }

    private static func signature(in header: String) -> [UInt8]? {
        guard header.utf8.starts(with: prefix) else { return nil }
        let digits = header.utf8.dropFirst(prefix.count)
        guard digits.count == 2 * SHA256Digest.byteCount else { return nil }
        return Hex.decode(digits)
    }
}

/// Whether both hold the same bytes, in a time that depends on their lengths only.
public func constantTimeEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
}
