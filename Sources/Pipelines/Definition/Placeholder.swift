/// `{{name}}` in a text of a smoke test: it stands for what a check before has captured.
enum Placeholder {
    enum Piece: Equatable {
        case text(String)
        /// Without braces and without spaces around it.
        case name(String)
    }

    /// The text's pieces, in order. Braces that do not enclose something on one line, without braces in it, are text.
    static func pieces(of text: String) -> [Piece] {
        var pieces: [Piece] = []
        var plain = ""
        var rest = Substring(text).unicodeScalars
        while let scalar = rest.first {
            guard let (name, after) = first(in: rest) else {
                plain.unicodeScalars.append(scalar)
                rest = rest.dropFirst()
                continue
            }
            if !plain.isEmpty { pieces.append(.text(plain)) }
            plain = ""
            pieces.append(.name(name))
            rest = after
        }
        return plain.isEmpty ? pieces : pieces + [.text(plain)]
    }

    static func names(in text: String) -> [String] {
        pieces(of: text).compactMap { if case .name(let name) = $0 { name } else { nil } }
    }

    /// The one that the text begins with, and what comes after it.
    private static func first(
        in text: Substring.UnicodeScalarView
    ) -> (name: String, after: Substring.UnicodeScalarView)? {
        guard text.starts(with: "{{".unicodeScalars) else { return nil }
        let inner = text.dropFirst(2).prefix { !["{", "}", "\n"].contains($0) }
        let after = text[inner.endIndex...]
        guard after.starts(with: "}}".unicodeScalars) else { return nil }
        let name = inner.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
        return (String(String.UnicodeScalarView(name)), after.dropFirst(2))
    }
}

extension Definition.SmokeCheck {
    /// It changes nothing, and no other check needs its answer.
    var isPlain: Bool { method == .get && capture.isEmpty }

    /// The check with other texts in the places where `{{name}}` may stand.
    func replacing(
        address: (String) throws -> String,
        text: (String) -> JSONValue
    ) rethrows -> Self {
        func plain(_ old: String) -> String { text(old).text ?? old }
        var check = self
        check.address = try address(self.address)
        check.headers = headers.mapValues(plain)
        switch body {
        case .json(let value): check.body = .json(value.replacing(text))
        case .text(let old): check.body = .text(plain(old))
        case nil: break
        }
        check.expect.json = expect.json.mapValues { $0.replacing(text) }
        check.expect.body = expect.body.map(plain)
        check.expect.headers = expect.headers.mapValues(plain)
        return check
    }

    /// What the check needs of those before it, in a smoke test where ``Swift/Array/haveVariables`` holds.
    var names: Set<String> {
        var names: Set<String> = []
        _ = replacing {
            names.formUnion(Placeholder.names(in: $0))
            return $0
        } text: {
            names.formUnion(Placeholder.names(in: $0))
            return .string($0)
        }
        return names
    }
}

extension [Definition.SmokeCheck] {
    /// `{{name}}` means something. In a smoke test of nothing but plain GETs it is text, as it was before there were
    /// others.
    var haveVariables: Bool { contains { !$0.isPlain } }

    /// Those that can be asked at any time and by themselves: they change nothing, and need nothing from others.
    var independent: [(offset: Int, element: Definition.SmokeCheck)] {
        enumerated().filter { $1.isPlain && (!haveVariables || $1.names.isEmpty) }
    }
}

extension JSONValue {
    fileprivate func replacing(_ text: (String) -> JSONValue) -> JSONValue {
        switch self {
        case .string(let old): text(old)
        case .array(let items): .array(items.map { $0.replacing(text) })
        case .object(let members): .object(members.mapValues { $0.replacing(text) })
        case .null, .bool, .number, .integer: self
        }
    }
}
