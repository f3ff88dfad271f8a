/// The path of the first number that is malformed or fits neither 64 bits nor a finite double, as in
/// `repository.id`; members of arrays have the array's path. Nil if there is none.
///
/// Only for the message about a document that simdjson refused because of a number: quick, not strict.
func pathOfBadNumber(in json: [UInt8]) -> String? {
    var path: [String] = []
    var name = ""
    var index = 0
    while index < json.count {
        switch json[index] {
        case UInt8(ascii: "\""):
            let end = endOfString(in: json, from: index)
            name = endsAsName(json, after: end) ? String(decoding: json[(index + 1)..<(end - 1)], as: UTF8.self) : name
            index = end
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            path.append(name)
            // What is in an array goes by the array's name.
            if json[index] == UInt8(ascii: "[") { name = "" }
            index += 1
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            name = path.popLast() ?? ""
            index += 1
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            let end = json[index...].firstIndex { !isPartOfNumber($0) } ?? json.count
            if !isGoodNumber(String(decoding: json[index..<end], as: UTF8.self)) {
                return (path + [name]).filter { !$0.isEmpty }.joined(separator: ".")
            }
            index = end
        default:
            index += 1
        }
    }
    return nil
}

/// Just behind the closing quote.
private func endOfString(in json: [UInt8], from start: Int) -> Int {
    var index = start + 1
    while index < json.count, json[index] != UInt8(ascii: "\"") {
        index += json[index] == UInt8(ascii: "\\") ? 2 : 1
    }
    return min(index + 1, json.count)
}

private func endsAsName(_ json: [UInt8], after end: Int) -> Bool {
    json[end...].first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) } == UInt8(ascii: ":")
}

private func isPartOfNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."),
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"):
        true
    default: false
    }
}

private func isGoodNumber(_ text: String) -> Bool {
    let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
    guard digits == "0" || !digits.hasPrefix("0") || digits.hasPrefix("0.") || digits.lowercased().hasPrefix("0e")
    else { return false }
    if digits.allSatisfy({ $0.isNumber }) { return Int64(text) != nil || UInt64(text) != nil }
    guard digits.first?.isNumber == true, !digits.contains("..") else { return false }
    return Double(text)?.isFinite == true
}
