import CCrypt
import COpenSSL

/// A bcrypt hash, `$2b$…`, with a random salt, as an htpasswd file of docker-registry takes it.
///
/// - Parameters:
///   - password: 1 to 72 bytes of UTF-8 without NUL; bcrypt would silently ignore what is beyond.
///   - cost: 4 to 31; each step doubles the time, which is about 2 ms at 5. Blocks for that long.
/// - Throws: ``SigningError`` with code `badPassword` if one is out of range.
public func bcrypt(password: String, cost: Int) throws -> String {
    guard (1...72).contains(password.utf8.count), !password.utf8.contains(0) else {
        throw SigningError(code: .badPassword, message: "a password for bcrypt has 1 to 72 bytes and no NUL")
    }
    guard (4...31).contains(cost) else {
        throw SigningError(code: .badPassword, message: "the cost of bcrypt is 4 to 31, not \(cost)")
    }
    let salt = RandomToken.bytes(16).map(CChar.init(bitPattern:))
    var setting = [CChar](repeating: 0, count: 192)
    guard crypt_gensalt_rn("$2b$", UInt(cost), salt, Int32(salt.count), &setting, Int32(setting.count)) != nil else {
        throw SigningError(code: .library, message: "libcrypt offers no bcrypt")
    }
    return try hash(password, setting: setting)
}

func hash(_ password: String, setting: [CChar]) throws -> String {
    // 32 KB: too much for the stack of a small thread.
    let scratch = UnsafeMutablePointer<crypt_data>.allocate(capacity: 1)
    scratch.initialize(to: crypt_data())
    defer {
        OPENSSL_cleanse(scratch, MemoryLayout<crypt_data>.size)
        scratch.deallocate()
    }
    // On failure it returns null or, for the sake of old callers, a "hash" that starts with an asterisk.
    guard let hash = crypt_r(password, setting, scratch), hash.pointee != CChar(bitPattern: UInt8(ascii: "*")) else {
        throw SigningError(code: .library, message: "libcrypt refused to hash a password")
    }
    return String(cString: hash)
}
