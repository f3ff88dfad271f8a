/// What would make Yams work without bound, and where: the first alias, or more keys than we bear that may be
/// collections.
///
/// Both are looked for in the plain text, because Yams has expanded aliases, and compared every key of a mapping with
/// every part of it, by the time it returns. The search may not miss one, so it does not care what is around.
func costlyYAML(in text: String) -> (Place, String)? {
    let bytes = Array(text.utf8)
    var anchors: Set<ArraySlice<UInt8>> = []
    var questions = 0
    var place = Place.start
    for (index, byte) in bytes.enumerated() {
        switch byte {
        case UInt8(ascii: "&"):
            anchors.insert(anchorName(bytes, after: index))
        case UInt8(ascii: "*"):
            // Every alias is `*name` after `&name`.
            let name = anchorName(bytes, after: index)
            guard !name.isEmpty, anchors.contains(name) else { break }
            let shown = quoted("*" + String(decoding: name, as: UTF8.self))
            let advice = "write the value out (or put the text in quotes, if it is text)"
            return (place, "\(shown) is an alias, and aliases are not read: \(advice)")
        case UInt8(ascii: "?"):
            // Before a key that is a collection stands a question mark; none in the query of a URL is followed so.
            let next = index + 1 < bytes.count ? bytes[index + 1] : UInt8(ascii: " ")
            if !(next.isLetterOrDigit || "%._~=/*".utf8.contains(next)) { questions += 1 }
            if questions > maximumQuestions { return (place, "keys that begin with ? are not read: a key is text") }
        default: break
        }
        if byte == UInt8(ascii: "\n") {
            place = Place(line: place.line + 1, column: 1)
        } else if byte & 0xC0 != 0x80 {
            place.column += 1
        }
    }
    return nil
}

/// Comments may have some, and so few cost nothing.
private let maximumQuestions = 32

private func anchorName(_ bytes: [UInt8], after index: Int) -> ArraySlice<UInt8> {
    bytes[(index + 1)...].prefix { $0.isLetterOrDigit || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-") }
}
