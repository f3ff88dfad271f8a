/// What a Dockerfile takes from elsewhere: the images of FROM, `COPY --from` and `RUN --mount=…,from=`, and the URLs of
/// ADD. Not a checker: what it does not understand is podman's to complain about.
///
/// Source of the grammar: Dockerfile reference (docs.docker.com/reference/dockerfile), Containerfile(5).
struct Containerfile: Sendable, Equatable {
    /// Each image that is not a stage of the same file, once, in order, with arguments filled in. Where an argument has
    /// no value that is known here, the `$` is still in it.
    private(set) var references: [String] = []
    /// Sources of ADD that podman would fetch, or that could turn out to be a URL once variables are filled in.
    private(set) var remoteSources: [String] = []

    private var stages: [String] = []
    private var variables: [String: String]
    private let given: [String: String]

    /// - Parameters:
    ///   - arguments: what is given with `--build-arg`.
    ///   - platform: `linux/amd64`; what TARGETPLATFORM and its parts say.
    init(_ text: String, arguments: [String: String], platform: String) {
        given = arguments
        variables = Self.platformVariables(platform)
        // podman before 4.8 takes the lines of a here-document for instructions, later ones do not: both readings count,
        // so that nothing can be hidden from either.
        for skippingHereDocuments in [true, false] {
            stages = []
            variables = Self.platformVariables(platform)
            for instruction in Instruction.all(in: text, skippingHereDocuments: skippingHereDocuments) {
                read(instruction)
            }
        }
    }

    private static func platformVariables(_ platform: String) -> [String: String] {
        let parts = platform.split(separator: "/").map(String.init)
        var result: [String: String] = [:]
        for side in ["TARGET", "BUILD"] {
            result["\(side)PLATFORM"] = platform
            result["\(side)OS"] = parts.first
            result["\(side)ARCH"] = parts.count > 1 ? parts[1] : nil
            result["\(side)VARIANT"] = parts.count > 2 ? parts[2] : ""
        }
        return result
    }

    // MARK: - Instructions

    private mutating func read(_ instruction: Instruction) {
        switch instruction.name {
        case "ARG":
            for word in instruction.words { declare(word) }
        case "FROM":
            let words = instruction.words.drop { $0.hasPrefix("--") }
            guard let image = words.first else { return }
            note(image)
            let rest = Array(words.dropFirst())
            stages.append(rest.count >= 2 && rest[0].uppercased() == "AS" ? rest[1].lowercased() : "")
        case "COPY":
            for flag in instruction.flags where flag.hasPrefix("--from=") { note(String(flag.dropFirst(7))) }
        case "RUN":
            for flag in instruction.flags where flag.hasPrefix("--mount=") {
                for option in flag.dropFirst(8).split(separator: ",") where option.hasPrefix("from=") {
                    note(String(option.dropFirst(5)))
                }
            }
        case "ADD":
            for flag in instruction.flags where flag.hasPrefix("--from=") { note(String(flag.dropFirst(7))) }
            for source in instruction.sources where Self.mayBeRemote(source) && !remoteSources.contains(source) {
                remoteSources.append(source)
            }
        case "ONBUILD":
            if let inner = Instruction(instruction.rest) { read(inner) }
        default:
            break
        }
    }

    /// `NAME`, or `NAME=default`. What is given wins over the default.
    private mutating func declare(_ word: String) {
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        if let value = given[parts[0]] {
            variables[parts[0]] = value
        } else if parts.count == 2, let value = expand(Self.unquoted(parts[1])) {
            variables[parts[0]] = value
        }
    }

    /// Keeps the image, unless it is a stage (by name or number) or `scratch`.
    private mutating func note(_ word: String) {
        let plain = Self.unquoted(word)
        let image = expand(plain) ?? plain
        let isStage = stages.contains(image.lowercased()) || Int(image).map { $0 < stages.count } ?? false
        if image.isEmpty || isStage || image == "scratch" || references.contains(image) { return }
        references.append(image)
    }

    // MARK: - Words

    /// `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`; nil when a variable is not known here.
    private func expand(_ text: String) -> String? {
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "{" {
                guard let end = rest.firstIndex(of: "}") else { return nil }
                guard let value = expandBraces(rest[rest.index(after: rest.startIndex)..<end]) else { return nil }
                result += value
                rest = rest[rest.index(after: end)...]
            } else {
                let name = rest.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
                guard let value = variables[String(name)] else { return nil }
                result += value
                rest = rest.dropFirst(name.count)
            }
        }
        return result + rest
    }

    private func expandBraces(_ inner: Substring) -> String? {
        let name = inner.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        let rest = inner.dropFirst(name.count)
        let value = variables[String(name)]
        if rest.isEmpty { return value }
        let word = rest.dropFirst(2)
        guard !word.contains("$") else { return nil }
        if rest.hasPrefix(":-") { return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(word) }
        if rest.hasPrefix(":+") { return value.map { $0.isEmpty ? "" : String(word) } ?? "" }
        return nil
    }

    private static func unquoted(_ word: String) -> String {
        for quote in ["\"", "'"] where word.count >= 2 && word.hasPrefix(quote) && word.hasSuffix(quote) {
            return String(word.dropFirst().dropLast())
        }
        return word
    }

    /// Whether a source of ADD is a URL, or begins with what can become one when variables are filled in. Quotes and
    /// escapes go first, as podman takes them away.
    private static func mayBeRemote(_ source: String) -> Bool {
        let plain = source.filter { !"\"'\\`".contains($0) }.lowercased()
        let start = plain.prefix { $0 != "$" }
        let isWhole = start.count == plain.count
        return ["http://", "https://", "ftp://", "git://", "ssh://", "git@"].contains { scheme in
            start.hasPrefix(scheme) || (!isWhole && scheme.hasPrefix(start))
        }
    }
}

/// One instruction of a Dockerfile, with its continued lines joined.
struct Instruction: Sendable, Equatable {
    /// In capitals.
    let name: String
    /// What follows the name.
    let rest: String

    init?(_ line: String) {
        let trimmed = line.trimmingWhitespace
        let name = trimmed.prefix { !$0.isWhitespace }
        guard !name.isEmpty else { return nil }
        self.name = name.uppercased()
        self.rest = trimmed.dropFirst(name.count).trimmingWhitespace
    }

    var words: [String] { rest.split(whereSeparator: \.isWhitespace).map(String.init) }

    /// The options before the arguments: `--from=x`.
    var flags: [String] { Array(words.prefix { $0.hasPrefix("--") }) }

    /// What COPY and ADD take: every argument but the last, in either form.
    var sources: [String] {
        let arguments = words.drop { $0.hasPrefix("--") }
        if arguments.first?.hasPrefix("[") == true {
            // The JSON form: its strings may hold spaces and commas. Every other piece between quotes is a string.
            let pieces = arguments.joined(separator: " ").split(separator: "\"", omittingEmptySubsequences: false)
            let strings = pieces.enumerated().filter { $0.offset % 2 == 1 }.map { String($0.element) }
            return strings.dropLast() + arguments
        }
        return Array(arguments.dropLast())
    }

    // MARK: - Lines

    static func all(in text: String, skippingHereDocuments: Bool) -> [Instruction] {
        var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }[...]
        let escape = escapeCharacter(lines)
        var result: [Instruction] = []
        while let line = lines.popFirst() {
            var whole = ""
            var current: Substring? = line
            while let part = current {
                // Comments and empty lines inside a continued instruction are left out.
                let plain = part.trimmingWhitespace
                let isComment = plain.hasPrefix("#") || (plain.isEmpty && !whole.isEmpty)
                guard isComment || plain.last == escape else {
                    whole += part
                    break
                }
                if isComment && whole.isEmpty { break }
                if !isComment { whole += plain.dropLast() }
                current = lines.popFirst()
            }
            guard let instruction = Instruction(whole) else { continue }
            result.append(instruction)
            if skippingHereDocuments && ["RUN", "COPY", "ADD"].contains(instruction.name) {
                for document in hereDocuments(instruction.rest) { skip(document, &lines) }
            }
        }
        return result
    }

    /// The directive `# escape=` in the first lines, before anything else. Default: the backslash.
    private static func escapeCharacter(_ lines: ArraySlice<Substring>) -> Character {
        for line in lines {
            let plain = line.trimmingWhitespace
            guard plain.hasPrefix("#") else { break }
            let parts = plain.dropFirst().split(separator: "=", maxSplits: 1).map { $0.trimmingWhitespace }
            guard parts.count == 2 else { break }
            if parts[0].lowercased() == "escape" { return parts[1] == "`" ? "`" : "\\" }
        }
        return "\\"
    }

    private struct HereDocument {
        let end: String
        let ignoresTabs: Bool
    }

    /// `<<EOF`, `<<-EOF`, `<<"EOF"`: each word of an instruction that starts one, in order.
    private static func hereDocuments(_ rest: String) -> [HereDocument] {
        rest.split(whereSeparator: \.isWhitespace).compactMap { word in
            guard let start = word.firstRange(of: "<<"), word[..<start.lowerBound].allSatisfy(\.isNumber) else {
                return nil
            }
            var name = word[start.upperBound...]
            let ignoresTabs = name.hasPrefix("-")
            if ignoresTabs { name = name.dropFirst() }
            let end = String(name.filter { $0 != "\"" && $0 != "'" })
            guard let first = end.first, first.isLetter || first == "_" else { return nil }
            return HereDocument(end: end, ignoresTabs: ignoresTabs)
        }
    }

    private static func skip(_ document: HereDocument, _ lines: inout ArraySlice<Substring>) {
        while let line = lines.popFirst() {
            if (document.ignoresTabs ? line.drop { $0 == "\t" } : line) == document.end { return }
        }
    }
}

extension StringProtocol {
    var trimmingWhitespace: String {
        let start = drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
