internal import Yams

/// Reads the YAML documents of one file of manifests. Unlike a pipeline's own file it may hold several documents and,
/// within bounds, aliases and merge keys (`<<`), because hand-written manifests do.
struct ManifestYAML {
    static let maximumDocuments = 200
    static let maximumDepth = 64
    /// Values in one file after aliases were put in: a hundred times what a large hand-written file has.
    static let maximumValues = 200_000

    private let file: String
    private var text = ""
    private var values = 0

    private init(file: String) { self.file = file }

    /// The documents that say something, in order.
    /// - Throws: `StageError` (failed, `manifest-invalid` or `manifest-too-large`) with file and line.
    static func documents(_ file: ManifestFile) throws -> [Value] {
        var reader = ManifestYAML(file: file.path)
        return try reader.documents(file.bytes)
    }

    private mutating func documents(_ bytes: [UInt8]) throws -> [Value] {
        guard var text = String(validating: bytes, as: UTF8.self) else {
            throw StageError.manifest("\(file) is not UTF-8")
        }
        if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
        if let line = costlyKey(in: text) {
            throw StageError.manifest(
                "\(file):\(line): an alias is read only as the whole value after 'key:' or '- ', and a key is text"
            )
        }
        self.text = text
        var documents: [Value] = []
        do {
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            while let node = try parser.nextRoot() {
                let value = try convert(node, depth: 1)
                if case .scalar(let scalar) = value.content, scalar.kind == .null { continue }
                documents.append(value)
                guard documents.count <= Self.maximumDocuments else {
                    throw tooLarge("more than \(Self.maximumDocuments) documents")
                }
            }
        } catch let error as YamlError {
            throw StageError.manifest(explain(error))
        }
        return documents
    }

    // MARK: - Values

    private mutating func convert(_ node: Node, depth: Int) throws -> Value {
        values += 1
        let line = node.mark?.line ?? 1
        guard values <= Self.maximumValues else { throw tooLarge("more than \(Self.maximumValues) values") }
        guard depth <= Self.maximumDepth else { throw tooLarge("more than \(Self.maximumDepth) levels", line) }
        let place = Place(line: line, column: node.mark?.column ?? 1)
        switch node {
        case .scalar(let scalar):
            if scalar.anchor != nil { try checkAnchor(scalar, place) }
            return Value(place: place, content: .scalar(try convert(scalar, line)))
        case .sequence(let sequence):
            return Value(place: place, content: .list(try sequence.map { try convert($0, depth: depth + 1) }))
        case .mapping(let mapping):
            return Value(place: place, content: .map(try entries(mapping, line, depth: depth)))
        case .alias:
            throw StageError.manifest("\(file):\(line): the alias has no anchor before it")
        }
    }

    private mutating func entries(_ mapping: Node.Mapping, _ line: Int, depth: Int) throws -> [Value.Entry] {
        var own: [Value.Entry] = []
        var merged: [Value.Entry] = []
        for (key, node) in mapping {
            guard let name = key.scalar else {
                throw StageError.manifest("\(file):\(key.mark?.line ?? line): a key must be text")
            }
            let value = try convert(node, depth: depth + 1)
            if name.string == "<<", name.style == .plain {
                for item in value.items.isEmpty ? [value] : value.items { merged += item.entries }
                continue
            }
            let place = Place(line: key.mark?.line ?? line, column: key.mark?.column ?? 1)
            own.append(Value.Entry(key: name.string, place: place, value: value))
        }
        if merged.isEmpty { return own }
        var names = Set(own.map(\.key))
        return own + merged.filter { names.insert($0.key).inserted }
    }

    /// An anchor's name ends before a colon or a question mark, here as in the tools of Kubernetes, though by YAML's own
    /// rules both may be part of it: of `&web:v1 nginx` would become `:v1 nginx`, which only the cluster would notice.
    private func checkAnchor(_ scalar: Node.Scalar, _ place: Place) throws {
        guard scalar.style == .plain, let first = scalar.string.unicodeScalars.first, first == ":" || first == "?"
        else {
            return
        }
        let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.indices.contains(place.line - 1) else { return }
        let written = lines[place.line - 1].dropFirst(place.column - 1)
        let name = written.dropFirst().prefix { $0.isASCII && isName(UInt8($0.value)) }
        guard written.first == "&", written.dropFirst(1 + name.count).first == first else { return }
        throw StageError.manifest(
            "\(file):\(place.line): the anchor's name '\(String(name))' ends at the '\(first)' behind it: a name has only "
                + "letters, digits, - and _"
        )
    }

    private func convert(_ scalar: Node.Scalar, _ line: Int) throws -> Scalar {
        switch scalar.tag.description {
        case Tag.Name.implicit.rawValue: return Scalar(plain: scalar.string)
        case Tag.Name.str.rawValue, Tag.Name.nonSpecific.rawValue: return Scalar(quoted: scalar.string)
        default: throw StageError.manifest("\(file):\(line): the tag \(quoted(scalar.tag.description)) is not read")
        }
    }

    // MARK: - What a user reads

    private func tooLarge(_ what: String, _ line: Int? = nil) -> StageError {
        let place = line.map { "\(file):\($0)" } ?? file
        return .manifest("manifest-too-large", "\(place): \(what)")
    }

    private func explain(_ error: YamlError) -> String {
        switch error {
        case .duplicatedKeysInMapping(let keys, let context):
            return "\(file):\(context.mark.line): the key \(quoted(keys.first ?? "")) is there twice"
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            return "\(file):\(mark.line): not YAML: \(problem)"
        case .reader(let problem, _, _, _):
            return "\(file): not YAML: \(problem)"
        default:
            return "\(file): not YAML"
        }
    }
}

/// The line of what would make Yams work without bound: it compares keys by everything that is in them, so an alias may
/// not get into a key. Looked for in the plain text, because it is too late once Yams has read it. An alias counts as
/// harmless only where it cannot be part of a key: alone on the rest of its line, after `key:` or `- `.
private func costlyKey(in text: String) -> Int? {
    var search = CostlyKeySearch(text: text)
    for (index, line) in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
        // To YAML a carriage return ends a line too.
        for piece in line.split(separator: UInt8(ascii: "\r")) where search.finds(in: Array(piece)) { return index + 1 }
    }
    return nil
}

private struct CostlyKeySearch {
    /// Names behind every & of the text, found once: a chart's output has thousands of stars, and may have megabytes.
    private let anchors: Set<[UInt8]>
    private var questions = 0
    private var hasAlias = false

    init(text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false).dropFirst()
        anchors = Set(parts.map { Array($0.prefix(while: isName)) })
    }

    mutating func finds(in line: [UInt8]) -> Bool {
        // Beyond ASCII there are more ends of lines, behind which a comment may be over.
        let isPlain = line.allSatisfy { $0 < 0x80 }
        if isPlain, line.first(where: { !isBlank($0) }) == UInt8(ascii: "#") { return false }
        for (position, byte) in line.enumerated() {
            let before = line[..<position].last { !isBlank($0) }
            switch byte {
            case UInt8(ascii: "?"):
                let follows = position + 1 < line.count ? line[position + 1] : 0x20
                // Only at the beginning of a line or after an indicator does it stand before a key.
                let mayBegin = !isPlain || before == nil || "-?:{[,".utf8.contains(before ?? 0)
                if isBlank(follows) || follows >= 0x80, mayBegin { questions += 1 }
            case UInt8(ascii: "*"):
                if isCostlyAlias(in: line, at: position, before: before, isPlain: isPlain) { return true }
            default: break
            }
            if questions > 0 && hasAlias || questions > 32 { return true }
        }
        return false
    }

    private mutating func isCostlyAlias(in line: [UInt8], at position: Int, before: UInt8?, isPlain: Bool) -> Bool {
        let name = line[(position + 1)...].prefix(while: isName)
        guard !name.isEmpty, anchors.contains(Array(name)) else { return false }
        let after = line[(position + 1 + name.count)...].first { !isBlank($0) }
        let isWhole = after == nil || after == UInt8(ascii: "#")
        let isValue = before == UInt8(ascii: ":") || before == UInt8(ascii: "-")
        guard isPlain, isWhole, isValue else { return true }
        hasAlias = true
        return false
    }
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

private func isName(_ byte: UInt8) -> Bool {
    byte.isLetterOrDigit || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
}
