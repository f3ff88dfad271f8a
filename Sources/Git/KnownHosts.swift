import COpenSSL
import Glibc

/// A known_hosts file as OpenSSH writes it (sshd(8), “SSH_KNOWN_HOSTS FILE FORMAT”): plain and hashed names,
/// patterns, negation, `[host]:port`, `@revoked`. Certificate authorities are not supported, and
/// their lines are passed over.
struct KnownHosts {
    enum Verdict: Equatable {
        case known
        /// The file has no key for the host.
        case unknown
        /// The file has keys for the host, of these kinds, and this is none of them.
        case different(kinds: [String])
        case revoked
    }

    private struct Entry {
        let isRevoked: Bool
        let names: String
        let kind: String
        let key: [UInt8]
    }

    private let entries: [Entry]

    init(text: String) {
        entries = text.split(whereSeparator: \.isNewline).compactMap { line in
            var words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
            guard let first = words.first, !first.hasPrefix("#") else { return nil }
            let marker = first.hasPrefix("@") ? words.removeFirst() : nil
            guard words.count >= 3, marker == nil || marker == "@revoked" else { return nil }
            guard let key = base64Decoded(words[2]) else { return nil }
            return Entry(isRevoked: marker != nil, names: words[0], kind: words[1], key: key)
        }
    }

    /// Judges the key (in the wire format of RFC 4253, 6.6) that a server presented.
    func judge(host: String, port: Int, key: [UInt8]) -> Verdict {
        let name = (port == 22 ? host : "[\(host)]:\(port)").lowercased()
        let matching = entries.filter { Self.matches($0.names, name) }
        if matching.contains(where: { $0.isRevoked && $0.key == key }) { return .revoked }
        let valid = matching.filter { !$0.isRevoked }
        if valid.contains(where: { $0.key == key }) { return .known }
        return valid.isEmpty ? .unknown : .different(kinds: valid.map(\.kind))
    }

    private static func matches(_ names: String, _ name: String) -> Bool {
        if names.hasPrefix("|1|") {
            let parts = names.split(separator: "|").map(String.init)
            guard parts.count == 3, let salt = base64Decoded(parts[1]), let hash = base64Decoded(parts[2]) else {
                return false
            }
            return hmacSHA1(key: salt, Array(name.utf8)) == hash
        }
        var found = false
        for pattern in names.lowercased().split(separator: ",") {
            if pattern.hasPrefix("!") {
                if fits(Array(pattern.utf8.dropFirst())[...], Array(name.utf8)[...]) { return false }
            } else if fits(Array(pattern.utf8)[...], Array(name.utf8)[...]) {
                found = true
            }
        }
        return found
    }

    /// `*` stands for any characters and `?` for one.
    private static func fits(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>) -> Bool {
        guard let first = pattern.first else { return name.isEmpty }
        if first == UInt8(ascii: "*") {
            let rest = pattern.dropFirst()
            return fits(rest, name) || (!name.isEmpty && fits(pattern, name.dropFirst()))
        }
        guard let byte = name.first, first == UInt8(ascii: "?") || first == byte else { return false }
        return fits(pattern.dropFirst(), name.dropFirst())
    }

    private static func hmacSHA1(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var count: UInt32 = 0
        HMAC(EVP_sha1(), key, Int32(key.count), message, message.count, &digest, &count)
        return Array(digest.prefix(Int(count)))
    }
}

/// The kind of key that a key in the wire format of RFC 4253 says it is.
func sshKeyKind(_ key: [UInt8]) -> String {
    guard key.count > 4 else { return "unknown" }
    let count = key[0..<4].reduce(0) { $0 << 8 | Int($1) }
    return String(decoding: key[4...].prefix(count), as: UTF8.self)
}

/// RFC 4648, 4. Nil for what is not base64.
func base64Decoded(_ text: String) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits: UInt32 = 0
    var count = 0
    for character in text.utf8.reversed().drop(while: { $0 == UInt8(ascii: "=") }).reversed() {
        let value: UInt8
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        default: return nil
        }
        bits = bits << 6 | UInt32(value)
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
    }
    return bytes
}

/// RFC 4648, 4.
func base64(_ bytes: [UInt8]) -> String {
    var text = [UInt8](repeating: 0, count: (bytes.count + 2) / 3 * 4 + 1)
    let count = EVP_EncodeBlock(&text, bytes, Int32(bytes.count))
    return String(decoding: text.prefix(Int(count)), as: UTF8.self)
}

/// A whole file, or nil where it cannot be read.
func contents(ofFile path: String) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var all: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16 << 10)
    while true {
        let got = read(descriptor, &part, part.count)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { return got == 0 ? all : nil }
        all += part[0..<got]
    }
}
