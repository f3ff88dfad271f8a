import COpenSSL

/// Unguessable bytes from OpenSSL's generator, which the kernel seeds.
public enum RandomToken {
    /// - Precondition: `count` is not negative.
    public static func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
            if count > 0 && RAND_bytes(bytes.baseAddress, Int32(count)) != 1 {
                // A token that can be guessed is worse than no server.
                fatalError("OpenSSL has no random bytes")
            }
            filled = count
        }
    }

    /// `count` random bytes as base64url (RFC 4648, section 5) without padding: safe in URLs, headers and file names.
    public static func make(bytes count: Int = 32) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
        var text: [UInt8] = []
        var buffer: UInt32 = 0
        var bits: UInt32 = 0
        for byte in bytes(count) {
            buffer = buffer << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                text.append(alphabet[Int(buffer >> bits & 63)])
            }
        }
        if bits > 0 { text.append(alphabet[Int(buffer << (6 - bits) & 63)]) }
        return String(decoding: text, as: UTF8.self)
    }
}
