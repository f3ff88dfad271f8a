import HTTPClient

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What checks have captured, for those after them.
struct SmokeVariables {
    private var values: [String: JSONValue] = [:]
    private var lacking: [String: Lack] = [:]

    /// Why a value is not there.
    struct Lack {
        var variable: String
        /// The name of the check that should have captured it.
        var check: String
        /// As in `SmokeResult`.
        var isUnanswered: Bool
    }

    /// Longest text that is captured, in bytes.
    static let limit = 4096

    /// Notes what came of a check.
    mutating func note(_ captured: [String: JSONValue], of check: Definition.SmokeCheck, _ result: SmokeResult) {
        for name in check.capture.keys {
            values[name] = captured[name]
            if captured[name] == nil {
                lacking[name] = Lack(variable: name, check: check.name, isUnanswered: result.isUnanswered)
            }
        }
    }

    /// The first thing that the check needs and does not have.
    func lack(of check: Definition.SmokeCheck) -> Lack? {
        check.names.sorted().lazy.compactMap { lacking[$0] }.first
    }

    /// The check with values in place of their names.
    ///
    /// - Throws: ``ServiceAccess/Impossible`` where a value would lead to another place than the address says.
    func fill(_ check: Definition.SmokeCheck) throws -> Definition.SmokeCheck {
        try check.replacing(address: address) { text in
            let pieces = Placeholder.pieces(of: text)
            // All by itself, a number stays a number.
            if case .name(let name) = pieces.first, pieces.count == 1 { return values[name] ?? .string(text) }
            return .string(join(pieces) { $0 })
        }
    }

    private func address(_ text: String) throws -> String {
        let filled = join(Placeholder.pieces(of: text)) { $0.percentEncoded }
        // Dots need no encoding, but two of them lead out of a folder.
        guard Self.dots(filled) == Self.dots(text) else {
            throw ServiceAccess.Impossible("a captured value is . or .., which may not be a part of an address")
        }
        return filled
    }

    private func join(_ pieces: [Placeholder.Piece], _ encode: (String) -> String) -> String {
        pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .name(let name): encode(values[name]?.text ?? "")
            }
        }.joined()
    }

    /// How many parts of an address's path are `.` or `..`.
    private static func dots(_ address: String) -> Int {
        address.prefix { $0 != "?" }.split(separator: "/").count { $0 == "." || $0 == ".." }
    }

    // MARK: - Capturing

    /// What is captured of an answer, or in words why not.
    static func capture(_ wanted: [String: String], of body: [UInt8]) -> ([String: JSONValue], problem: String?) {
        guard !wanted.isEmpty else { return ([:], nil) }
        guard let document = try? JSONDecoder().decode(JSONValue.self, from: Data(body)) else {
            return ([:], "expected JSON, got something else")
        }
        var captured: [String: JSONValue] = [:]
        for (name, path) in wanted.sorted(by: { $0.key < $1.key }) {
            let found = document.at(path)
            if let problem = problem(found) { return ([:], "cannot capture \(name): \(path) is \(problem)") }
            captured[name] = found
        }
        return (captured, nil)
    }

    private static func problem(_ value: JSONValue?) -> String? {
        guard let value else { return "not there" }
        guard let text = value.text else { return value.shown }
        // `/tasks/` and nothing would be all tasks.
        if text.isEmpty { return "empty" }
        // A line break would end a header.
        if text.hasControls { return "text with control characters" }
        return text.utf8.count > limit ? "longer than \(limit) bytes" : nil
    }
}
