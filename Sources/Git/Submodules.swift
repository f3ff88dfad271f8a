/// The file `.gitmodules` of a revision (gitmodules(5)), as far as it matters: which address belongs to which path.
///
/// Parsed by ourselves, because libgit2's parser follows `include.path` and this text comes from a repository.
struct Submodules {
    private(set) var urls: [String: String] = [:]

    /// Refuses paths that leave the checkout or point into a `.git` folder.
    init(text: String) throws(GitError) {
        var sections: [String: (path: String?, url: String?)] = [:]
        var section: String?
        for line in Self.logicalLines(text) {
            if line.hasPrefix("[") {
                section = Self.submoduleName(line)
            } else if let section, let (key, value) = Self.assignment(line) {
                switch key {
                case "path": sections[section, default: (nil, nil)].path = value
                case "url": sections[section, default: (nil, nil)].url = value
                default: break
                }
            }
        }
        for (path, url) in sections.values {
            guard let path else { continue }
            try Self.checkPath(path)
            if let url { urls[path] = url }
        }
    }

    private static func checkPath(_ path: String) throws(GitError) {
        let steps = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map(Array.init)
        guard steps.allSatisfy(isSafeName), !path.hasPrefix("-") else {
            throw GitError(.unsafePath, "the path of a submodule is refused: “\(shown(Array(path.utf8)))”")
        }
    }

    /// Lines without comments and outer blanks, those that end in a backslash joined with the next.
    private static func logicalLines(_ text: String) -> [String] {
        var lines: [String] = []
        var open = ""
        for line in text.split(whereSeparator: \.isNewline) {
            let trimmed = trim(String(line))
            if open.isEmpty, trimmed.hasPrefix("#") || trimmed.hasPrefix(";") { continue }
            if trimmed.hasSuffix("\\"), !trimmed.hasSuffix("\\\\") {
                open += trimmed.dropLast()
                continue
            }
            lines.append(open + trimmed)
            open = ""
        }
        return open.isEmpty ? lines : lines + [open]
    }

    /// The name in `[submodule "name"]`; nil for other sections.
    private static func submoduleName(_ line: String) -> String? {
        guard let (head, rest) = line.splitOnce("\""), trim(String(head.dropFirst())).lowercased() == "submodule" else {
            return nil
        }
        return unquoted("\"" + rest.prefix { $0 != "]" })
    }

    private static func assignment(_ line: String) -> (key: String, value: String)? {
        guard let (key, value) = line.splitOnce("=") else { return nil }
        return (trim(key).lowercased(), unquoted(trim(value)))
    }

    /// A value without its quotes, escapes and comment.
    private static func unquoted(_ text: String) -> String {
        var value = ""
        var kept = 0
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if isEscaped {
                value.append(["n": "\n", "t": "\t", "b": "\u{8}"][character] ?? character)
                isEscaped = false
            } else if character == "\\" {
                isEscaped = true
                continue
            } else if character == "\"" {
                isQuoted.toggle()
            } else if !isQuoted, character == "#" || character == ";" {
                break
            } else {
                value.append(character)
                // Blanks at the end count only inside quotes.
                if !isQuoted, character == " " || character == "\t" { continue }
            }
            kept = value.count
        }
        return String(value.prefix(kept))
    }

    private static func trim(_ text: String) -> String {
        func isBlank(_ character: Character) -> Bool { character == " " || character == "\t" || character == "\r" }
        return String(text.drop(while: isBlank).reversed().drop(while: isBlank).reversed())
    }
}
