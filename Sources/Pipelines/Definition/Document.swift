internal import Yams

/// Reads one YAML document. Returns nil when there is nothing to look at: the file is empty, or not YAML (and `faults`
/// says where). A key that is there twice does not end the reading, so that what else is wrong is found too.
///
/// Refused here, before or instead of anything else: more than 256 KiB, what is not UTF-8, aliases (their expansion
/// grows without bound), several documents, tags, keys that are not text, more than 32 levels.
func readDocument(_ contents: [UInt8], faults: inout FaultList) -> Value? {
    guard contents.count <= DocumentLimit.bytes else {
        let limit = "the file has \(contents.count) bytes, and at most \(DocumentLimit.bytes) are read: make it smaller"
        faults.add(.start, limit)
        return nil
    }
    guard var text = decodeText(contents, faults: &faults) else { return nil }
    if text.unicodeScalars.first == "\u{FEFF}" { text.unicodeScalars.removeFirst() }
    if let (place, message) = costlyYAML(in: text) {
        faults.add(place, message)
        return nil
    }
    var composer = Composer(text: text)
    do {
        guard let node = try composer.compose() else { return nil }
        return convert(node, repeated: composer.repeated, depth: 1, faults: &faults)
    } catch {
        for (place, message) in composer.repeated { faults.add(place, message) }
        faults.add(error.place, error.message)
        return nil
    }
}

enum DocumentLimit {
    static let bytes = 256 * 1024
    static let depth = 32
}

private func decodeText(_ contents: [UInt8], faults: inout FaultList) -> String? {
    if let text = String(validating: contents, as: UTF8.self) { return text }
    var place = Place.start
    var decoder = UTF8()
    var bytes = contents.makeIterator()
    while case .scalarValue(let scalar) = decoder.decode(&bytes) {
        place =
            scalar == "\n" ? Place(line: place.line + 1, column: 1) : Place(line: place.line, column: place.column + 1)
    }
    faults.add(place, "not UTF-8: save the file in the encoding UTF-8")
    return nil
}

/// Makes values of Yams' nodes; what our files do not use is a fault and left out.
private func convert(_ node: Node, repeated: [Place: String], depth: Int, faults: inout FaultList) -> Value? {
    let place = Place(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    guard depth <= DocumentLimit.depth else {
        faults.add(place, "nested more than \(DocumentLimit.depth) levels deep: no key needs that")
        return nil
    }
    switch node {
    case .scalar(let scalar):
        return convert(scalar, at: place, faults: &faults).map { Value(place: place, content: .scalar($0)) }
    case .sequence(let sequence):
        let items = sequence.compactMap { convert($0, repeated: repeated, depth: depth + 1, faults: &faults) }
        return Value(place: place, content: .list(items))
    case .mapping(let mapping):
        var entries: [Value.Entry] = []
        for (key, value) in mapping {
            let keyPlace = Place(line: key.mark?.line ?? place.line, column: key.mark?.column ?? place.column)
            if let message = repeated[keyPlace] {
                faults.add(keyPlace, message)
            } else if let scalar = key.scalar {
                guard let value = convert(value, repeated: repeated, depth: depth + 1, faults: &faults) else {
                    continue
                }
                entries.append(Value.Entry(key: scalar.string, place: keyPlace, value: value))
            } else {
                faults.add(keyPlace, "a key must be text, not a list or a mapping")
            }
        }
        return Value(place: place, content: .map(entries))
    case .alias(let alias):
        faults.add(place, "\(quoted("*\(alias.anchor)")) is an alias, and aliases are not read: write the value out")
        return nil
    }
}

private func convert(_ scalar: Node.Scalar, at place: Place, faults: inout FaultList) -> Scalar? {
    switch scalar.tag.description {
    case Tag.Name.implicit.rawValue: return Scalar(plain: scalar.string)
    case Tag.Name.str.rawValue, Tag.Name.nonSpecific.rawValue: return Scalar(quoted: scalar.string)
    default:
        faults.add(place, "the tag \(quoted(scalar.tag.description)) is not read: leave it out")
        return nil
    }
}
