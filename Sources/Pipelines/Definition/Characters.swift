#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension UInt8 {
    var isLower: Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self) }
    var isUpper: Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(self) }
    var isDigit: Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(self) }
    var isLetter: Bool { isLower || isUpper }
    var isLetterOrDigit: Bool { isLetter || isDigit }
    var isLowerOrDigit: Bool { isLower || isDigit }
}

extension String {
    /// A control character of ASCII is in it.
    var hasControls: Bool { utf8.contains { $0 < 0x20 || $0 == 0x7F } }
}

/// A number of at most nine digits without a sign or a leading zero.
func plainNumber(_ text: some StringProtocol) -> Int? {
    guard (1...9).contains(text.utf8.count), text.utf8.allSatisfy(\.isDigit) else { return nil }
    return text.utf8.count > 1 && text.utf8.first == UInt8(ascii: "0") ? nil : Int(text)
}

func isIPv4(_ text: some StringProtocol) -> Bool {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { plainNumber($0).map { $0 <= 255 } ?? false }
}

/// Without brackets and without a zone.
func isIPv6(_ text: some StringProtocol) -> Bool {
    var address = in6_addr()
    return !text.utf8.contains(0) && inet_pton(AF_INET6, String(text), &address) == 1
}

// Swift compares strings by what a reader sees: to it, a slash with an accent on it is no slash. To the file system
// and to git it is one, so the rules look at bytes.
extension StringProtocol where SubSequence == Substring {
    func begins(with text: String) -> Bool { utf8.starts(with: text.utf8) }

    func ends(with text: String) -> Bool { utf8.reversed().starts(with: text.utf8.reversed()) }

    func holds(_ text: String) -> Bool {
        let wanted = Array(text.utf8)
        let bytes = Array(utf8)
        guard bytes.count >= wanted.count else { return false }
        return (0...(bytes.count - wanted.count)).contains { bytes[$0..<($0 + wanted.count)].elementsEqual(wanted) }
    }

    /// The pieces between the separators, empty ones too.
    func parts(at separator: Unicode.Scalar) -> [Substring] {
        Substring(self).unicodeScalars.split(separator: separator, omittingEmptySubsequences: false).map {
            Substring($0)
        }
    }
}
