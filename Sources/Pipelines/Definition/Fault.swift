/// One thing that is wrong in a file somebody wrote, where it is, and how to mend it.
public struct Fault: Sendable, Equatable, CustomStringConvertible {
    /// As it was given to the reader.
    public var file: String
    /// From 1.
    public var line: Int
    /// In characters, from 1.
    public var column: Int
    /// What is wrong and how to mend it.
    public var message: String

    public init(file: String, line: Int, column: Int, message: String) {
        self.file = file
        self.line = line
        self.column = column
        self.message = message
    }

    /// `pipelines/todo.yaml:4:3: …`, as editors and terminals link it.
    public var description: String { "\(file):\(line):\(column): \(message)" }
}

/// Everything that is wrong in one file or one folder of files, in order of file, line and column.
public struct DefinitionFaults: Error, Sendable, Equatable, CustomStringConvertible {
    public var faults: [Fault]

    public init(faults: [Fault]) {
        self.faults = faults.sorted { ($0.file, $0.line, $0.column) < ($1.file, $1.line, $1.column) }
    }

    /// One fault a line.
    public var description: String { faults.map(\.description).joined(separator: "\n") }
}

/// Collects the faults of one file. It stops listening after `limit`, so that no file makes an endless report.
struct FaultList {
    static let limit = 100
    let file: String
    private(set) var faults: [Fault] = []

    init(file: String) {
        self.file = file
    }

    var isEmpty: Bool { faults.isEmpty }

    mutating func add(_ place: Place, _ message: String) {
        if faults.count < Self.limit {
            faults.append(Fault(file: file, line: place.line, column: place.column, message: message))
        } else if faults.count == Self.limit {
            let last = "more than \(Self.limit) faults in this file: mend those above first"
            faults.append(Fault(file: file, line: place.line, column: place.column, message: last))
        }
    }
}

/// A line and a column of a file, both from 1.
struct Place: Sendable, Hashable {
    var line: Int
    var column: Int

    static let start = Place(line: 1, column: 1)
}

/// Text from a file as a message shows it: in quotes, on one line, not too long.
func quoted(_ text: String) -> String {
    var shown = "'"
    for scalar in text.unicodeScalars.prefix(60) {
        switch scalar.value {
        case 0x20..<0x7F, 0xA0..<0x2028, 0x202F..<0x2066, 0x206A...: shown.unicodeScalars.append(scalar)
        default: shown += "\\u{" + String(scalar.value, radix: 16) + "}"
        }
    }
    return shown + (text.unicodeScalars.count > 60 ? "…'" : "'")
}

/// An address as a message may quote it: without who signs in, and without its query. Also of a text that is none yet,
/// for it was refused; a digest's colon comes after its `@`.
func masked(_ text: String) -> String {
    var scalars = text.unicodeScalars[...]
    var begin = ""
    if let colon = scalars.firstIndex(of: ":"), text[colon...].begins(with: "://") {
        let rest = scalars[colon...].dropFirst(3)
        begin = String(text[..<rest.startIndex])
        scalars = rest
    }
    if let at = scalars.lastIndex(of: "@"), !begin.isEmpty && begin != "ssh://" || scalars[..<at].contains(":"),
        !text[at...].begins(with: "@sha256:")
    {
        begin += "…"
        scalars = scalars[at...]
    }
    guard text.holds("://"), let mark = scalars.firstIndex(of: "?") else { return begin + String(scalars) }
    return begin + String(scalars[...mark]) + "…"
}

/// The one of `known` that somebody most probably meant by `word`.
func likely(_ word: String, among known: [String]) -> String? {
    let word = Array(word.lowercased().utf8.prefix(64))
    let ranked = known.map { (name: $0, steps: steps(from: word, to: Array($0.lowercased().utf8))) }
    guard let best = ranked.min(by: { $0.steps < $1.steps }) else { return nil }
    return best.steps <= max(1, min(3, best.name.utf8.count / 3)) ? best.name : nil
}

/// The Levenshtein distance.
private func steps(from one: [UInt8], to other: [UInt8]) -> Int {
    var row = Array(0...other.count)
    for (i, a) in one.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        for (j, b) in other.enumerated() {
            let next = min(row[j + 1] + 1, row[j] + 1, diagonal + (a == b ? 0 : 1))
            diagonal = row[j + 1]
            row[j + 1] = next
        }
    }
    return row[other.count]
}
