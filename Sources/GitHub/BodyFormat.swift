/// How a webhook's body carries its JSON.
enum BodyFormat {
    case json
    case form

    /// Parameters such as `charset` do not matter: JSON is UTF-8, and the parser checks it.
    init(contentType: String?) throws {
        let type = contentType?.prefix { $0 != ";" }.trimmingSpaces().lowercased()
        switch type {
        case "application/json": self = .json
        case "application/x-www-form-urlencoded": self = .form
        default: throw UnsupportedContentType(contentType: contentType)
        }
    }

    func json(in body: [UInt8]) throws -> [UInt8] {
        switch self {
        case .json: body
        case .form: try formField("payload", in: body)
        }
    }
}

/// The value of the one field with this name (WHATWG URL, application/x-www-form-urlencoded parsing; but a `%` without
/// two digits is refused where a browser would let it pass).
private func formField(_ name: String, in body: [UInt8]) throws -> [UInt8] {
    var found: ArraySlice<UInt8>?
    for field in body.split(separator: UInt8(ascii: "&")) {
        let equals = field.firstIndex(of: UInt8(ascii: "=")) ?? field.endIndex
        guard field[..<equals].elementsEqual(name.utf8) else { continue }
        guard found == nil else { throw PayloadError(field: name, message: "it is there more than once") }
        found = field[equals...].dropFirst()
    }
    guard let found else { throw PayloadError(field: name, message: "it is missing") }
    guard let value = percentDecoded(found) else {
        throw PayloadError(field: name, message: "it is not encoded as a form's field")
    }
    return value
}

private func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count)
    var index = text.startIndex
    while index < text.endIndex {
        switch text[index] {
        case UInt8(ascii: "+"): bytes.append(UInt8(ascii: " "))
        case UInt8(ascii: "%"):
            guard index + 2 < text.endIndex, let high = hexDigit(text[index + 1]), let low = hexDigit(text[index + 2])
            else { return nil }
            bytes.append(high << 4 | low)
            index += 2
        case let byte: bytes.append(byte)
        }
        index += 1
    }
    return bytes
}

func hexDigit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension Substring {
    fileprivate func trimmingSpaces() -> Substring {
        let start = drop { $0 == " " || $0 == "\t" }
        return start.lastIndex { $0 != " " && $0 != "\t" }.map { start[...$0] } ?? ""
    }
}
