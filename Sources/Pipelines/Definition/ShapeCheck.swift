/// Checks a value against a shape; everything that is wrong goes into `faults`.
func check(_ value: Value, _ shape: Shape, faults: inout FaultList) {
    var check = ShapeCheck(faults: faults)
    check.value(value, shape, path: "")
    faults = check.faults
}

private struct ShapeCheck {
    var faults: FaultList

    mutating func value(_ value: Value, _ shape: Shape, path: String) {
        switch shape {
        case .object(let shape): object(value, shape, path: path)
        case .table(let keys, let values, let count): table(value, keys, values, count, path: path)
        case .list(let item, let count): list(value, item, count, path: path)
        case .textOrObject(let rule, let shape):
            if case .map = value.content { object(value, shape, path: path) } else { text(value, rule, path: path) }
        case .text(let rule): text(value, rule, path: path)
        case .json: json(value, path: path)
        default: scalar(value, shape, path: path)
        }
    }

    private mutating func complain(_ place: Place, _ path: String, _ message: String) {
        faults.add(place, "\(path.isEmpty ? "the file" : path) \(message)")
    }

    private mutating func wrongType(_ value: Value, _ wanted: String, path: String) {
        complain(value.place, path, "must be \(wanted), but it is \(value.kindInWords)")
    }

    // MARK: Mappings and lists

    private mutating func object(_ value: Value, _ shape: ObjectShape, path: String) {
        guard case .map(let entries) = value.content else {
            return wrongType(value, Shape.object(shape).wanted, path: path)
        }
        var forgiven: Set<String> = []
        for entry in entries {
            let inner = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            guard let key = shape.key(entry.key) else {
                unknown(entry, shape, path: path)
                if let meant = likely(entry.key, among: shape.keys.map(\.name)) { forgiven.insert(meant) }
                continue
            }
            self.value(entry.value, key.shape, path: inner)
        }
        for key in shape.keys where key.presence == .required && !forgiven.contains(key.name) {
            if value[key.name] == nil {
                complain(value.place, path, "needs the key \(quoted(key.name)): \(key.shape.wanted)")
            }
        }
        combinations(value, shape, forgiven: forgiven, path: path)
    }

    private mutating func unknown(_ entry: Value.Entry, _ shape: ObjectShape, path: String) {
        if entry.key == "<<" {
            return complain(entry.place, path, "merge keys (<<) are not read: write the keys out")
        }
        let readable = shape.keys.map(\.name)
        let advice: String
        if let meant = likely(entry.key, among: readable) {
            advice = "did you mean \(quoted(meant))?"
        } else if readable.isEmpty {
            advice = "nothing can be set here: write {}"
        } else {
            advice = "known here: " + readable.joined(separator: ", ")
        }
        complain(entry.place, path, "has an unknown key \(quoted(entry.key)); \(advice)")
    }

    private mutating func combinations(_ value: Value, _ shape: ObjectShape, forgiven: Set<String>, path: String) {
        for group in shape.exactlyOne where forgiven.isDisjoint(with: group) {
            let present = value.entries.filter { group.contains($0.key) }
            let names = group.map(quoted).joined(separator: ", ")
            if present.isEmpty {
                let one = group.count == 1 ? "the key \(names)" : "one of the keys \(names)"
                complain(value.place, path, "needs \(one)")
            } else if present.count > 1 {
                complain(present[1].place, path, "may have only one of the keys \(names): keep one")
            }
        }
        for (key, companions) in shape.together.sorted(by: { $0.key < $1.key }) {
            guard let entry = value.entries.first(where: { $0.key == key }) else { continue }
            for companion in companions where value[companion] == nil && !forgiven.contains(companion) {
                complain(entry.place, path, "has \(quoted(key)) and so needs the key \(quoted(companion)) too")
            }
        }
        for rule in shape.apart where value[rule.key] != nil {
            for entry in value.entries where rule.others.contains(entry.key) {
                complain(
                    entry.place,
                    path,
                    "may not have \(quoted(entry.key)) beside \(quoted(rule.key)): \(rule.reason)"
                )
            }
        }
    }

    private mutating func table(
        _ value: Value,
        _ keys: TextRule,
        _ values: Shape,
        _ count: ClosedRange<Int>,
        path: String
    ) {
        guard case .map(let entries) = value.content else { return wrongType(value, "a mapping", path: path) }
        counted(entries.count, count, value, "entries", path: path)
        for entry in entries {
            if let fault = keys.fault(in: entry.key) {
                let shown = quoted(masked(entry.key))
                complain(entry.place, path, "has the key \(shown), which must be \(keys.wanted): \(fault)")
            }
            self.value(entry.value, values, path: "\(path).\(entry.key)")
        }
    }

    private mutating func list(_ value: Value, _ item: Shape, _ count: ClosedRange<Int>, path: String) {
        guard case .list(let items) = value.content else {
            if let text = value.text, !text.isEmpty {
                return complain(value.place, path, "must be a list: write [\(quoted(text).dropFirst().dropLast())]")
            }
            return wrongType(value, "a list", path: path)
        }
        counted(items.count, count, value, "items", path: path)
        for (index, element) in items.enumerated() {
            self.value(element, item, path: "\(path)[\(index)]")
        }
    }

    private mutating func json(_ value: Value, path: String) {
        if case .scalar(let scalar) = value.content, scalar.kind == .null {
            return wrongType(value, Shape.json.wanted, path: path)
        }
        part(value, path: path)
    }

    /// What is in a JSON document.
    private mutating func part(_ value: Value, path: String) {
        switch value.content {
        case .map(let entries): for entry in entries { part(entry.value, path: "\(path).\(entry.key)") }
        case .list(let items):
            for (index, item) in items.enumerated() { part(item, path: "\(path)[\(index)]") }
        case .scalar: scalar(value, .scalar, path: path)
        }
    }

    private mutating func counted(
        _ found: Int,
        _ range: ClosedRange<Int>,
        _ value: Value,
        _ what: String,
        path: String
    ) {
        if found < range.lowerBound {
            complain(value.place, path, "is empty: at least \(range.lowerBound) must be there")
        } else if found > range.upperBound {
            complain(value.place, path, "has \(found) \(what): at most \(range.upperBound) are read")
        }
    }

    // MARK: Scalars

    private mutating func text(_ value: Value, _ rule: TextRule, path: String) {
        guard case .scalar(let scalar) = value.content, scalar.kind != .null else {
            return wrongType(value, rule.wanted, path: path)
        }
        guard scalar.kind == .text else {
            let advice = "is read as \(value.kindInWords), but it must be text: write it in quotes, \"\(scalar.text)\""
            return complain(value.place, path, advice)
        }
        if let fault = rule.fault(in: scalar.text) {
            complain(value.place, path, "must be \(rule.wanted), but it is \(quoted(masked(scalar.text))): \(fault)")
        }
    }

    private mutating func scalar(_ value: Value, _ shape: Shape, path: String) {
        guard case .scalar(let scalar) = value.content else { return wrongType(value, shape.wanted, path: path) }
        let fits: Bool
        switch shape {
        case .flag: fits = value.flag != nil
        case .mark: fits = value.flag == true
        case .integer(let range): fits = scalar.isCommonNumber && value.integer.map(range.contains) ?? false
        case .share: fits = scalar.isCommonNumber && value.number.map((0.0...1).contains) ?? false
        case .duration: fits = scalar.kind == .text && seconds(of: scalar.text) != nil
        case .durationOrOff:
            fits = value.isOff || (scalar.kind == .text && seconds(of: scalar.text) != nil)
        case .days: fits = scalar.kind == .text && days(of: scalar.text) != nil
        case .size(let range): fits = bytes(of: scalar).map(range.contains) ?? false
        case .choice(let words): fits = scalar.kind == .text && words.contains(scalar.text)
        default: fits = isPlainScalar(scalar)
        }
        if fits { return }
        var advice = ""
        if shape.isDuration, case .integer(let number) = scalar.kind, number > 0 {
            advice = ": add the unit, e.g. \(number)s"
        } else if case .days = shape, case .integer(let number) = scalar.kind, number > 0 {
            advice = ": add the unit: \(number)d"
        } else if case .choice(let words) = shape, let meant = likely(scalar.text, among: words) {
            advice = ": did you mean \(meant)?"
        } else if scalar.isOldFlag {
            advice = ": write true or false, or put text in quotes"
        }
        let shown = scalar.kind == .null ? value.kindInWords : quoted(scalar.text)
        complain(value.place, path, "must be \(shape.wanted), but it is \(shown)\(advice)")
    }

    /// A value that JSON has, and that every reader of YAML takes for the same.
    private func isPlainScalar(_ scalar: Scalar) -> Bool {
        switch scalar.kind {
        case .number(let number): number.isFinite && scalar.isCommonNumber
        case .integer: scalar.isCommonNumber
        default: !scalar.isOldFlag
        }
    }
}

extension Shape {
    fileprivate var isDuration: Bool {
        switch self {
        case .duration, .durationOrOff: true
        default: false
        }
    }
}

extension Value {
    /// `off`, which some readers of YAML take for false and others for text; and false itself.
    var isOff: Bool { flag == false || text == "off" }

    /// What the value is, as it follows "but it is".
    fileprivate var kindInWords: String {
        guard case .scalar(let scalar) = content else {
            if case .list = content { return "a list" } else { return "a mapping" }
        }
        return switch scalar.kind {
        // Not the text itself: it may be a secret that somebody wrote where its source belongs.
        case .text: "text"
        case .null: "empty"
        case .flag: "true or false (\(scalar.text))"
        case .integer, .number: "the number \(quoted(scalar.text).dropFirst().dropLast())"
        }
    }
}

/// The seconds of a duration such as `500ms`, `30s`, `5m`, `1h`: above 0, at most 24 hours. Anything else: nil.
public func seconds(of text: String) -> Double? {
    let units: [(String, Double)] = [("ms", 0.001), ("s", 1), ("m", 60), ("h", 3600)]
    let digits = leadingDigits(of: text)
    guard (1...9).contains(digits.utf8.count), digits.first != "0", let number = Double(digits),
        let unit = units.first(where: { $0.0 == rest(of: text, after: digits) })
    else { return nil }
    let seconds = unit.1 == 0.001 ? number / 1000 : number * unit.1
    return seconds <= 86_400 ? seconds : nil
}

/// The days of a text such as `14d`: from 1 to 1000. Anything else: nil.
func days(of text: String) -> Int? {
    let digits = leadingDigits(of: text)
    guard (1...4).contains(digits.utf8.count), digits.first != "0", rest(of: text, after: digits) == "d" else {
        return nil
    }
    return Int(digits).flatMap { $0 <= 1000 ? $0 : nil }
}

/// The bytes of a size: a whole number, or text such as `64KiB`, `25MiB`, `1GiB`.
func bytes(of scalar: Scalar) -> Int? {
    if case .integer(let number) = scalar.kind { return number }
    let digits = leadingDigits(of: scalar.text)
    let units = ["KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30]
    guard scalar.kind == .text, (1...7).contains(digits.utf8.count), digits.first != "0", let number = Int(digits),
        let unit = units[rest(of: scalar.text, after: digits)]
    else { return nil }
    return number * unit
}

private func leadingDigits(of text: String) -> Substring {
    Substring(text.unicodeScalars.prefix { "0"..."9" ~= $0 })
}

private func rest(of text: String, after digits: Substring) -> String {
    String(text.unicodeScalars.dropFirst(digits.unicodeScalars.count))
}
