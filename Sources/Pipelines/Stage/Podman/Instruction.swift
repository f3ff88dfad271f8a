/// One instruction of a Dockerfile, with its continued lines joined.
///
/// What is looked for in it are things that podman would do to this machine, so it has to be cut up exactly as podman
/// does. That reads bytes: to it an accent over a `#` or a hard space behind a backslash changes nothing, to Swift's
/// characters it does. Source: openshift/imagebuilder 1.2.3, dockerfile/parser (parser.go, split_command.go).
struct Instruction: Sendable, Equatable {
    /// In capitals.
    let name: String
    /// The options before the arguments, without the quotes around them or parts of them: `--from=x`.
    let flags: [String]
    /// What follows the options.
    let rest: String

    init?(_ line: String) { self.init(bytes: Array(line.utf8)[...]) }

    fileprivate init?(bytes line: ArraySlice<UInt8>) {
        let line = line.droppingSpace()
        let name = line.prefix { !$0.isBlank }
        guard !name.isEmpty else { return nil }
        self.name = String(decoding: name, as: UTF8.self).uppercased()
        let (flags, rest) = Self.flags(in: line.dropFirst(name.count).drop { $0.isBlank })
        self.flags = flags.map { String(decoding: $0, as: UTF8.self) }
        self.rest = String(decoding: rest.droppingSpace(), as: UTF8.self).trimmingWhitespace
    }

    /// The pieces of what follows the options, between blanks.
    var words: [String] {
        rest.utf8.split(whereSeparator: \.isBlank).map { String(decoding: $0, as: UTF8.self) }
    }

    /// What COPY and ADD take: every argument but the last, in either form.
    var sources: [String] {
        guard rest.utf8.first == UInt8(ascii: "[") else { return Array(words.dropLast()) }
        // The JSON form: its strings may hold spaces and commas. Every other piece between quotes is a string. podman
        // takes it for words where it is not JSON after all.
        let pieces = rest.utf8.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false)
        let strings = pieces.enumerated().filter { $0.offset % 2 == 1 }
        return strings.map { String(decoding: $0.element, as: UTF8.self) }.dropLast() + words
    }

    /// Whether the arguments are in the JSON form and have escapes in it, behind which anything can be.
    var hasEscapesInList: Bool { rest.utf8.first == UInt8(ascii: "[") && rest.utf8.contains(UInt8(ascii: "\\")) }

    // MARK: - Options

    /// Cuts the options off, byte by byte as podman does: a quote or a backslash may stand anywhere in one.
    private static func flags(in text: ArraySlice<UInt8>) -> (flags: [[UInt8]], rest: ArraySlice<UInt8>) {
        var flags: [[UInt8]] = []
        var rest = text
        while true {
            rest = rest.drop { $0.isByteSpace }
            guard rest.starts(with: "--".utf8) else { return (flags, rest) }
            var word: [UInt8] = []
            var quote: UInt8?
            while let byte = rest.first, quote != nil || !byte.isByteSpace {
                rest = rest.dropFirst()
                if byte == quote {
                    quote = nil
                } else if quote == nil, byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
                    quote = byte
                } else if byte == UInt8(ascii: "\\") {
                    if let escaped = rest.popFirst() { word.append(escaped) }
                } else {
                    word.append(byte)
                }
            }
            if word == Array("--".utf8) { return (flags, rest) }
            flags.append(word)
        }
    }
}

extension Instruction {
    /// How versions of podman differ in where an instruction ends. A Dockerfile is read in all ways, so that nothing can
    /// be hidden from any of them.
    struct Reading: Sendable {
        /// podman before 4.8 takes the lines of a here-document for instructions, later ones do not.
        var skipsHereDocuments: Bool
        /// Two escape characters at the end of a line continue it for some and not for others.
        var doubleContinues: Bool
        /// The backslash, unless the directive `# escape=` says otherwise.
        var escape: UInt8

        static func all(for text: String) -> [Reading] {
            escapes(in: text).sorted().flatMap { escape in
                [true, false].flatMap { skips in
                    [true, false].map {
                        Reading(skipsHereDocuments: skips, doubleContinues: $0, escape: escape)
                    }
                }
            }
        }

        /// In the first line the directive counts for all, further down among the first remarks only for some.
        private static func escapes(in text: String) -> Set<UInt8> {
            var remarks = Instruction.lines(of: text).map { $0.droppingSpace() }.prefix {
                $0.first == UInt8(ascii: "#")
            }
            if let first = remarks.popFirst().flatMap(directive) { return [first] }
            return Set(remarks.compactMap(directive) + [UInt8(ascii: "\\")])
        }

        /// The character behind `# escape=`.
        private static func directive(_ line: ArraySlice<UInt8>) -> UInt8? {
            func skip(_ word: String, _ rest: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
                guard String(decoding: rest.prefix(word.utf8.count), as: UTF8.self).lowercased() == word else {
                    return nil
                }
                return rest.dropFirst(word.utf8.count).drop { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
            }
            let rest = skip("#", line).flatMap { skip("escape", $0) }.flatMap { skip("=", $0) }
            return rest?.first == UInt8(ascii: "`") ? UInt8(ascii: "`") : rest.map { _ in UInt8(ascii: "\\") }
        }
    }

    static func all(in text: String, _ reading: Reading) -> [Instruction] {
        var lines = Instruction.lines(of: text)[...]
        var result: [Instruction] = []
        while let first = lines.popFirst() {
            let start = first.droppingSpace()
            if start.first == UInt8(ascii: "#") { continue }
            var (whole, goesOn) = split(start, reading)
            while goesOn, let next = lines.popFirst() {
                // Comments and empty lines inside a continued instruction are left out.
                let plain = next.droppingSpace()
                if plain.isEmpty || plain.first == UInt8(ascii: "#") { continue }
                let (more, goesOnStill) = split(next, reading)
                whole += more
                goesOn = goesOnStill
            }
            guard let instruction = Instruction(bytes: whole[...]) else { continue }
            result.append(instruction)
            if reading.skipsHereDocuments && ["RUN", "COPY", "ADD"].contains(instruction.name) {
                for document in HereDocument.all(in: instruction.rest) { document.skip(&lines) }
            }
        }
        return result
    }

    /// Without what ends them, and without a byte order mark.
    fileprivate static func lines(of text: String) -> [ArraySlice<UInt8>] {
        var bytes = Array(text.utf8)[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes = bytes.dropFirst(3) }
        return bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            $0.last == UInt8(ascii: "\r") ? $0.dropLast() : $0
        }
    }

    /// A line without the escape character at its end, and whether it had one.
    private static func split(_ line: ArraySlice<UInt8>, _ reading: Reading) -> (line: [UInt8], goesOn: Bool) {
        let end = line.trimmedEnd { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard end.last == reading.escape, reading.doubleContinues || end.dropLast().last != reading.escape else {
            return (Array(line), false)
        }
        return (Array(end.dropLast()), true)
    }
}

/// `<<EOF`, `<<-EOF`, `<<"EOF"`.
private struct HereDocument {
    let end: String
    let ignoresTabs: Bool

    /// Each word of an instruction that starts one, in order.
    static func all(in rest: String) -> [HereDocument] {
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

    func skip(_ lines: inout ArraySlice<ArraySlice<UInt8>>) {
        while let line = lines.popFirst() {
            let line = ignoresTabs ? line.drop { $0 == UInt8(ascii: "\t") } : line
            if line.elementsEqual(end.utf8) { return }
        }
    }
}

extension UInt8 {
    /// Between a name and what follows it, and between words.
    fileprivate var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) && self != 0x0A }

    /// Go's unicode.IsSpace on a single byte, as the options are read: two bytes count that may stand inside of a letter.
    fileprivate var isByteSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) || self == 0x85 || self == 0xA0 }
}

extension ArraySlice<UInt8> {
    /// Without the white space of any alphabet at the beginning, as podman takes it away.
    fileprivate func droppingSpace() -> ArraySlice<UInt8> {
        var rest = self
        while let scalar = String(decoding: rest.prefix(4), as: UTF8.self).unicodeScalars.first,
            scalar.properties.isWhitespace
        {
            rest = rest.dropFirst(UTF8.width(scalar))
        }
        return rest
    }

    fileprivate func trimmedEnd(_ isBlank: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        guard let last = lastIndex(where: { !isBlank($0) }) else { return [] }
        return self[...last]
    }
}

extension StringProtocol {
    var trimmingWhitespace: String {
        let start = drop { $0.isWhitespace }
        guard let last = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(start[...last])
    }
}
