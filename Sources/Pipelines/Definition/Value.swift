/// One value of a YAML file and its place: what is left of a document once the YAML itself was found in order.
struct Value: Sendable {
    enum Content: Sendable {
        case scalar(Scalar)
        case list([Value])
        case map([Entry])
    }

    /// A key of a mapping with its value.
    struct Entry: Sendable {
        var key: String
        var place: Place
        var value: Value
    }

    var place: Place
    var content: Content

    /// The value of a mapping's key.
    subscript(key: String) -> Value? { entries.first { $0.key == key }?.value }

    /// The entries of a mapping; of anything else, none.
    var entries: [Entry] {
        if case .map(let entries) = content { entries } else { [] }
    }

    /// The items of a list; of anything else, none.
    var items: [Value] {
        if case .list(let items) = content { items } else { [] }
    }

    /// A scalar exactly as it is written, without its quotes.
    var text: String? {
        if case .scalar(let scalar) = content { scalar.text } else { nil }
    }

    var flag: Bool? {
        if case .scalar(let scalar) = content, case .flag(let flag) = scalar.kind { flag } else { nil }
    }

    var integer: Int? {
        if case .scalar(let scalar) = content, case .integer(let integer) = scalar.kind { integer } else { nil }
    }

    /// A whole number too.
    var number: Double? {
        guard case .scalar(let scalar) = content else { return nil }
        return switch scalar.kind {
        case .integer(let integer): Double(integer)
        case .number(let number): number
        default: nil
        }
    }

    var texts: [String] { items.compactMap(\.text) }

    /// A mapping of texts.
    var table: [String: String] {
        var table: [String: String] = [:]
        for entry in entries { table[entry.key] = entry.value.text }
        return table
    }
}

/// A scalar and what a YAML reader takes it for.
struct Scalar: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case text, null
        case flag(Bool)
        case integer(Int)
        case number(Double)
    }

    /// As it is written, without quotes.
    var text: String
    var kind: Kind

    /// A scalar that somebody put in quotes, or tagged as a string.
    init(quoted text: String) {
        self.text = text
        self.kind = .text
    }

    /// A scalar without quotes. Readers of YAML 1.1 and of 1.2 disagree about `yes`, `on`, `010` or `1_000`; what
    /// either of them takes for something other than text is not text here, so that nobody is surprised by a lost
    /// zero.
    init(plain text: String) {
        self.text = text
        self.kind = Self.kind(ofPlain: text)
    }

    /// One of the words that only YAML 1.1 takes for true or false.
    var isOldFlag: Bool {
        if case .flag = kind { !["true", "false"].contains(text.lowercased()) } else { false }
    }

    /// A number that every reader takes for the same: no `010`, `0x1f`, `1_000` or `+1`.
    var isCommonNumber: Bool {
        let digits = Array((text.hasPrefix("-") ? text.dropFirst() : text[...]).utf8)
        guard let first = digits.first, Self.isDigit(first, radix: 10), !digits.contains(UInt8(ascii: "_")) else {
            return false
        }
        return first != UInt8(ascii: "0") || digits.count == 1 || digits[1] == UInt8(ascii: ".")
    }

    private static func kind(ofPlain text: String) -> Kind {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON": return .flag(true)
        case "false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF": return .flag(false)
        case ".nan", ".NaN", ".NAN": return .number(.nan)
        default: break
        }
        var rest = Substring(text)
        let negative = rest.first == "-"
        if negative || rest.first == "+" { rest.removeFirst() }
        if [".inf", ".Inf", ".INF"].contains(String(rest)) { return .number(negative ? -.infinity : .infinity) }
        return number(String(rest), negative: negative) ?? .text
    }

    private static func number(_ text: String, negative: Bool) -> Kind? {
        let digits = text.filter { $0 != "_" }
        let sign = negative ? "-" : ""
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
            let body = digits.dropFirst(2)
            guard !body.isEmpty, body.utf8.allSatisfy({ isDigit($0, radix: radix) }) else { return nil }
            return Int(sign + body, radix: radix).map(Kind.integer) ?? .number(.infinity)
        }
        guard let first = text.utf8.first, isDigit(first, radix: 10) || first == UInt8(ascii: "."),
            isDecimal(digits), let number = Double(sign + digits)
        else { return nil }
        guard digits.utf8.allSatisfy({ isDigit($0, radix: 10) }) else { return .number(number) }
        return Int(sign + digits).map(Kind.integer) ?? .number(number)
    }

    /// Digits with at most one point and at most one exponent.
    private static func isDecimal(_ text: String) -> Bool {
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
        let halves = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let digits = halves.joined()
        guard !digits.isEmpty, digits.utf8.allSatisfy({ isDigit($0, radix: 10) }) else { return false }
        guard parts.count == 2 else { return true }
        var exponent = parts[1]
        if exponent.first == "-" || exponent.first == "+" { exponent.removeFirst() }
        return !exponent.isEmpty && exponent.utf8.allSatisfy { isDigit($0, radix: 10) }
    }

    private static func isDigit(_ byte: UInt8, radix: Int) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0")) < radix
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"): radix == 16
        default: false
        }
    }
}
