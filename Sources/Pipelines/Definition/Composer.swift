internal import Yams

/// Why a text is not a YAML document.
struct NotYAML: Error {
    var place: Place
    var message: String
}

/// Makes Yams' nodes of a text.
///
/// Yams gives up at the first key that is there twice and names only its first place. Here such a key is found, noted
/// in `repeated` and renamed in the text in memory (by a character of the same width, so every later place stays
/// right), and the text is read again.
struct Composer {
    private var scalars: [Unicode.Scalar]
    private var attempts = 0
    /// Place of a key that must be left out → what is wrong with it.
    private(set) var repeated: [Place: String] = [:]

    /// How often the text is read again for the sake of repeated keys: the longer, the less often.
    private var maximumAttempts: Int { max(2, min(64, 512 * 1024 / scalars.count)) }

    init(text: String) {
        self.scalars = Array(text.unicodeScalars)
    }

    /// The root node, or nil if there is no document in the text.
    mutating func compose() throws(NotYAML) -> Node? {
        while true {
            switch read(scalars) {
            case .node(let node): return node
            case .failure(let failure): throw failure
            case .repeated(let key, let place): try rename(key, at: place)
            }
        }
    }

    private enum Outcome {
        case node(Node?)
        case repeated(key: String, at: Place)
        case failure(NotYAML)
    }

    private func read(_ scalars: [Unicode.Scalar]) -> Outcome {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars)
        do {
            // No resolver: what a scalar is taken for is decided in one place, `Scalar`.
            return .node(try Yams.compose(yaml: String(view), .basic, .default, .utf8))
        } catch let error as YamlError {
            if case .duplicatedKeysInMapping(let keys, let context) = error, let key = keys.first {
                return .repeated(key: key, at: Place(line: context.mark.line, column: context.mark.column))
            }
            return .failure(explain(error))
        } catch {
            return .failure(NotYAML(place: .start, message: "not YAML: \(error)"))
        }
    }

    /// Finds the second place of a key that is there twice. The right one is the one without which Yams is content with
    /// the first; when there is none, the key is there more than twice and the first of them is taken out.
    private mutating func rename(_ key: String, at first: Place) throws(NotYAML) {
        let message = "the key \(quoted(key)) is there twice"
        guard let start = index(of: first), !key.isEmpty else {
            throw NotYAML(place: first, message: message + ": keep one of them")
        }
        let name = Array(key.unicodeScalars)
        for candidate in occurrences(of: name, after: start + 2) {
            try countAttempt(orThrow: NotYAML(place: first, message: message + ": keep one of them"))
            var changed = scalars
            changed[candidate] = standIn
            if case .repeated(_, at: first) = read(changed) { continue }
            scalars = changed
            let isQuoted = candidate > 0 && ["\"", "'"].contains(scalars[candidate - 1])
            let place = place(of: isQuoted ? candidate - 1 : candidate)
            repeated[place] = message + ", first on line \(first.line): keep one of them"
            return
        }
        try countAttempt(orThrow: NotYAML(place: first, message: message + ": keep one of them"))
        guard let own = occurrences(of: name, after: start).first, own <= start + 1 else {
            throw NotYAML(place: first, message: message + ": keep one of them")
        }
        scalars[own] = standIn
        repeated[first] = "the key \(quoted(key)) is there again further down: keep one of them"
    }

    private mutating func countAttempt(orThrow failure: NotYAML) throws(NotYAML) {
        attempts += 1
        if attempts > maximumAttempts { throw failure }
    }

    /// A character of Unicode's private use area: in no key of ours, and another one each time.
    private var standIn: Unicode.Scalar { Unicode.Scalar(UInt32(0xE000 + attempts)) ?? "\u{E000}" }

    /// Where `name` stands as a whole, followed by a colon.
    private func occurrences(of name: [Unicode.Scalar], after start: Int) -> [Int] {
        var found: [Int] = []
        var index = start
        while index + name.count < scalars.count {
            if scalars[index] == name[0], scalars[index..<(index + name.count)].elementsEqual(name) {
                var next = index + name.count
                if ["\"", "'"].contains(scalars[next]) { next += 1 }
                while next < scalars.count, scalars[next] == " " { next += 1 }
                if next < scalars.count, scalars[next] == ":" { found.append(index) }
            }
            index += 1
        }
        return found
    }

    private func index(of place: Place) -> Int? {
        var line = 1
        var index = 0
        while line < place.line {
            guard let end = scalars[index...].firstIndex(of: "\n") else { return nil }
            index = end + 1
            line += 1
        }
        index += place.column - 1
        return index < scalars.count ? index : nil
    }

    private func place(of index: Int) -> Place {
        var place = Place.start
        for scalar in scalars[..<index] {
            place =
                scalar == "\n"
                ? Place(line: place.line + 1, column: 1) : Place(line: place.line, column: place.column + 1)
        }
        return place
    }
}

// MARK: - What a user reads

extension Composer {
    private func explain(_ error: YamlError) -> NotYAML {
        switch error {
        case .reader(_, let offset, let value, _):
            let place = place(of: min(offset ?? 0, scalars.count))
            let code = String(value, radix: 16, uppercase: true)
            return NotYAML(place: place, message: "the character U+\(code) is not allowed in YAML: remove it")
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _):
            return explain(problem, context: context, at: Place(line: mark.line, column: mark.column))
        case .composer(_, let problem, let mark, _):
            let place = Place(line: mark.line, column: mark.column)
            let isAlias = problem.contains("alias")
            let alias = "text that begins with * must be in quotes"
            let document = "a second document begins here: one file holds one document, so move it to a file of its own"
            return NotYAML(place: place, message: isAlias ? alias : document)
        default:
            return NotYAML(place: .start, message: "not YAML: \(error)")
        }
    }

    private func explain(_ problem: String, context: YamlError.Context?, at place: Place) -> NotYAML {
        let lines = [place.line, context?.mark.line].compactMap { $0 }
        for line in lines {
            guard let start = index(of: Place(line: line, column: 1)) else { continue }
            let indentation = scalars[start...].prefix { $0 == " " || $0 == "\t" }
            if let tab = indentation.firstIndex(of: "\t") {
                let place = Place(line: line, column: tab - start + 1)
                return NotYAML(place: place, message: "a tab in the indentation: YAML wants spaces")
            }
        }
        let advice: String
        if problem.contains("Maximum nesting") {
            advice = "nested more than \(DocumentLimit.depth) levels deep: no key needs that"
        } else if context?.text.contains("alias") == true {
            advice = "text that begins with * must be in quotes"
        } else if problem.contains("cannot start any token") {
            advice = "text that begins with this character must be in quotes"
        } else if problem.contains("mapping values are not allowed") {
            advice = "a colon where no key can be: check the indentation, or put the text in quotes"
        } else if let context, context.text.contains("quoted scalar") {
            advice = "the quote that opens on line \(context.mark.line) does not close properly: \(problem)"
        } else if let context, context.text.contains("flow") {
            advice = "a comma is missing, or the bracket that closes the one on line \(context.mark.line)"
        } else if problem.contains("expected key") || problem.contains("block") {
            advice =
                "not YAML here: keys of one mapping must be indented alike, and quotes and brackets must close"
        } else {
            let context = context.map { " (\($0.text), line \($0.mark.line))" } ?? ""
            advice = "not YAML: \(problem)\(context)"
        }
        return NotYAML(place: place, message: advice)
    }
}
