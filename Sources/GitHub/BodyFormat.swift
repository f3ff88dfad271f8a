/// How a webhook's body carries its JSON.
enum BodyFormat {
    case json
    case form

    /// Parameters such as `charset` do not matter: JSON is UTF-8, and the parser checks it.
    init(contentType: String?) throws {
        let type = contentType?.utf8.prefix { $0 != UInt8(ascii: ";") }.trimmingSpaces().lowercased()
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
    var found: Range<Int>?
    var start = 0
    while start < body.count {
        let end = body[start...].firstIndex(of: UInt8(ascii: "&")) ?? body.count
        let equals = body[start..<end].firstIndex(of: UInt8(ascii: "=")) ?? end
        if body[start..<equals].elementsEqual(name.utf8) {
            guard found == nil else { throw PayloadError(field: name, message: "it is there more than once") }
            found = min(equals + 1, end)..<end
        }
        start = end + 1
    }
    guard let found else { throw PayloadError(field: name, message: "it is missing") }
    guard let value = percentDecoded(body[found]) else {
        throw PayloadError(field: name, message: "it is not encoded as a form's field")
    }
    return value
}

private func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    text.withUnsafeBufferPointer { text in
        var malformed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count) { bytes, count in
            var index = 0
            while index < text.count {
                var byte = text[index]
                if byte == UInt8(ascii: "+") {
                    byte = UInt8(ascii: " ")
                } else if byte == UInt8(ascii: "%") {
                    guard index + 2 < text.count, let high = hexDigit(text[index + 1]),
                        let low = hexDigit(text[index + 2])
                    else {
                        malformed = true
                        return
                    }
                    byte = high << 4 | low
                    index += 2
                }
                bytes.initializeElement(at: count, to: byte)
                count += 1
                index += 1
            }
        }
        return malformed ? nil : bytes
    }
}

func hexDigit(_ character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
    default: nil
    }
}

extension Substring.UTF8View {
    fileprivate func trimmingSpaces() -> Substring {
        var rest = self
        while rest.first == UInt8(ascii: " ") || rest.first == UInt8(ascii: "\t") { rest.removeFirst() }
        while rest.last == UInt8(ascii: " ") || rest.last == UInt8(ascii: "\t") { rest.removeLast() }
        return Substring(rest)
    }
}
