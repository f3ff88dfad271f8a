/// The forms in which a secret turns up in logs.
enum MaskedForms {
    static func of(_ secret: [UInt8]) -> Set<[UInt8]> {
        guard secret.count >= Masker.minimumLength else { return [] }
        var forms: Set<[UInt8]> = [secret]
        forms.formUnion(base64(secret))
        forms.formUnion(percentEncoded(secret))
        forms.formUnion(escaped(secret))
        // Programs print a secret without the line break that its variable ends with.
        let trimmed = secret.reversed().drop { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }
        if trimmed.count < secret.count { forms.formUnion(of(trimmed.reversed())) }
        let lines = secret.split(separator: UInt8(ascii: "\n"))
        if lines.count > 1 {
            for line in lines {
                let line = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
                guard line.count >= Masker.minimumLineLength else { continue }
                forms.insert(Array(line))
                forms.formUnion(escaped(Array(line)))
            }
        }
        return forms
    }

    // MARK: Base64 (RFC 4648)

    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let urlSafe = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    /// The secret alone, and the middle of what it becomes after one or two other bytes, as in `user:secret`: those
    /// characters that no neighbour has a say in.
    private static func base64(_ secret: [UInt8]) -> Set<[UInt8]> {
        var forms: Set<[UInt8]> = []
        for alphabet in [standard, urlSafe] {
            let alone = encode(secret, alphabet)
            forms.insert(alone)
            forms.insert(alone + Array(repeating: UInt8(ascii: "="), count: (3 - secret.count % 3) % 3))
            for before in 0..<3 {
                let whole = encode(Array(repeating: 0, count: before) + secret, alphabet)
                let first = (before * 8 + 5) / 6
                let last = (before + secret.count) * 8 / 6
                let middle = whole[first..<last]
                if middle.count >= Masker.minimumLineLength { forms.insert(Array(middle)) }
            }
        }
        return forms
    }

    /// Without padding.
    private static func encode(_ bytes: [UInt8], _ alphabet: [UInt8]) -> [UInt8] {
        var encoded: [UInt8] = []
        var bits = 0
        var value: UInt32 = 0
        for byte in bytes {
            value = value << 8 | UInt32(byte)
            bits += 8
            while bits >= 6 {
                bits -= 6
                encoded.append(alphabet[Int(value >> UInt32(bits) & 63)])
            }
        }
        if bits > 0 { encoded.append(alphabet[Int(value << UInt32(6 - bits) & 63)]) }
        return encoded
    }

    // MARK: URL (RFC 3986, and the form encoding's + for a space)

    private static func percentEncoded(_ secret: [UInt8]) -> Set<[UInt8]> {
        var forms: Set<[UInt8]> = []
        for digits in [Array("0123456789ABCDEF".utf8), Array("0123456789abcdef".utf8)] {
            for spaceIsPlus in [false, true] {
                forms.insert(
                    secret.flatMap { byte -> [UInt8] in
                        if byte.isLetterOrDigit || "-._~".utf8.contains(byte) { return [byte] }
                        if spaceIsPlus, byte == UInt8(ascii: " ") { return [UInt8(ascii: "+")] }
                        return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
                    }
                )
            }
        }
        return forms
    }

    // MARK: JSON (RFC 8259)

    /// Writers differ in whether they escape the slash and what is not ASCII.
    private static func escaped(_ secret: [UInt8]) -> Set<[UInt8]> {
        guard let text = String(validating: secret, as: UTF8.self) else { return [] }
        var forms: Set<[UInt8]> = []
        for escapesSlash in [false, true] {
            for escapesUnicode in [false, true] {
                forms.insert(escape(text, slash: escapesSlash, unicode: escapesUnicode))
            }
        }
        return forms
    }

    private static func escape(_ text: String, slash: Bool, unicode: Bool) -> [UInt8] {
        var escaped: [UInt8] = []
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"", "\\": escaped += [UInt8(ascii: "\\"), UInt8(scalar.value)]
            case "/" where slash: escaped += Array("\\/".utf8)
            case "\n": escaped += Array("\\n".utf8)
            case "\r": escaped += Array("\\r".utf8)
            case "\t": escaped += Array("\\t".utf8)
            case "\u{8}": escaped += Array("\\b".utf8)
            case "\u{C}": escaped += Array("\\f".utf8)
            case "\0"..<" ": escaped += unicodeEscape(UInt16(scalar.value))
            case "\u{80}"... where unicode: escaped += String(scalar).utf16.flatMap(unicodeEscape)
            default: escaped += Array(String(scalar).utf8)
            }
        }
        return escaped
    }

    private static func unicodeEscape(_ unit: UInt16) -> [UInt8] {
        let digits = String(unit, radix: 16)
        return Array("\\u".utf8) + Array(repeating: UInt8(ascii: "0"), count: 4 - digits.utf8.count)
            + Array(digits.utf8)
    }
}
