import CSimdJSON

/// The names of the members that a decoder reads from one kind of object.
protocol FieldName: CaseIterable, Equatable, RawRepresentable<String> {
    static var keys: FieldKeys { get }
}

/// The same names as simdjson's shim takes them. Made once per enum and kept for the life of the program.
/// Sendable because nothing changes them.
final class FieldKeys: @unchecked Sendable {
    let buffer: UnsafeMutableBufferPointer<csimdjson_key>

    init<Name: FieldName>(_ type: Name.Type) {
        let names = Name.allCases.map(\.rawValue)
        precondition(names.count <= 64, "the shim reports repeated members in 64 bits")
        buffer = .allocate(capacity: names.count)
        for (index, name) in names.enumerated() {
            let bytes = UnsafeMutableBufferPointer<CChar>.allocate(capacity: name.utf8.count)
            _ = bytes.initialize(from: name.utf8.map(CChar.init(bitPattern:)))
            buffer.initializeElement(at: index, to: csimdjson_key(bytes: bytes.baseAddress, count: bytes.count))
        }
    }
}

/// Parses a document and hands its fields to `body`; nothing of it may be kept beyond.
///
/// The whole document is validated (RFC 8259, UTF-8, at most 128 levels), also where nobody reads it.
/// - Throws: ``PayloadError`` if it is not a JSON object, and what `body` throws.
func withJSONObject<Name: FieldName, Result>(
    _ bytes: [UInt8],
    _ names: Name.Type,
    _ body: (JSONFields<Name>) throws -> Result
) throws -> Result {
    guard let parser = csimdjson_parser_borrow() else {
        throw PayloadError(field: PayloadError.wholePayload, message: "there is no memory to parse it")
    }
    defer { csimdjson_parser_give_back(parser) }
    var root = csimdjson_value()
    let status = bytes.withUnsafeBufferPointer { csimdjson_parse(parser, $0.baseAddress, $0.count, &root) }
    guard status == .CSIMDJSON_OK else { throw PayloadError(status, in: bytes) }
    guard csimdjson_kind_of(root) == .CSIMDJSON_OBJECT else {
        throw PayloadError(field: PayloadError.wholePayload, message: "expected an object, found \(describe(root))")
    }
    return try body(JSONFields(root, path: ""))
}

/// Members of one object. A field that is there twice is refused when it is read: two readers of such a payload could
/// disagree about what it says.
struct JSONFields<Name: FieldName> {
    private let values: [csimdjson_value]
    private let repeated: UInt64
    private let path: String

    fileprivate init(_ object: csimdjson_value, path: String) {
        self.path = path
        let keys = Name.keys.buffer
        var repeated: UInt64 = 0
        values = [csimdjson_value](unsafeUninitializedCapacity: keys.count) { values, count in
            repeated = csimdjson_pick(object, keys.baseAddress, values.baseAddress, keys.count)
            count = keys.count
        }
        self.repeated = repeated
    }

    func string(_ name: Name) throws -> String {
        try required(optionalString(name), name)
    }

    func optionalString(_ name: Name) throws -> String? {
        guard let value = try value(name) else { return nil }
        var bytes: UnsafePointer<CChar>?
        var count = 0
        guard csimdjson_string(value, &bytes, &count) else { throw unexpected(value, name, "a string") }
        return UnsafeRawBufferPointer(start: bytes, count: count).withMemoryRebound(to: UInt8.self) {
            String(decoding: $0, as: UTF8.self)
        }
    }

    func integer(_ name: Name) throws -> Int64 {
        try required(optionalInteger(name), name)
    }

    func optionalInteger(_ name: Name) throws -> Int64? {
        guard let value = try value(name) else { return nil }
        var number: Int64 = 0
        guard csimdjson_int64(value, &number) else { throw unexpected(value, name, "a whole number of 64 bits") }
        return number
    }

    func optionalBool(_ name: Name) throws -> Bool? {
        guard let value = try value(name) else { return nil }
        var truth = false
        guard csimdjson_bool(value, &truth) else { throw unexpected(value, name, "true or false") }
        return truth
    }

    func object<Inner: FieldName>(_ name: Name, _ names: Inner.Type) throws -> JSONFields<Inner> {
        try required(optionalObject(name, names), name)
    }

    func optionalObject<Inner: FieldName>(_ name: Name, _ names: Inner.Type) throws -> JSONFields<Inner>? {
        guard let value = try value(name) else { return nil }
        guard csimdjson_kind_of(value) == .CSIMDJSON_OBJECT else { throw unexpected(value, name, "an object") }
        return JSONFields<Inner>(value, path: pathOf(name) + ".")
    }

    /// An error about this field, whose name is given in full: `repository.id`.
    func fault(_ name: Name, _ message: String) -> PayloadError {
        PayloadError(field: pathOf(name), message: message)
    }

    /// Nil if the member is absent or null.
    private func value(_ name: Name) throws -> csimdjson_value? {
        let index = Name.allCases.enumerated().first { $0.element == name }!.offset
        guard repeated & 1 << UInt64(index) == 0 else { throw fault(name, "it is there more than once") }
        let value = values[index]
        return value.document == nil || csimdjson_kind_of(value) == .CSIMDJSON_NULL ? nil : value
    }

    private func required<Value>(_ value: Value?, _ name: Name) throws -> Value {
        guard let value else { throw fault(name, "it is missing") }
        return value
    }

    private func unexpected(_ value: csimdjson_value, _ name: Name, _ expected: String) -> PayloadError {
        fault(name, "expected \(expected), found \(describe(value))")
    }

    private func pathOf(_ name: Name) -> String { path + name.rawValue }
}

private func describe(_ value: csimdjson_value) -> String {
    switch csimdjson_kind_of(value) {
    case .CSIMDJSON_NULL: "null"
    case .CSIMDJSON_BOOLEAN: "a boolean"
    case .CSIMDJSON_NUMBER: "a number"
    case .CSIMDJSON_STRING: "a string"
    case .CSIMDJSON_ARRAY: "an array"
    case .CSIMDJSON_OBJECT: "an object"
    }
}

extension PayloadError {
    fileprivate init(_ status: csimdjson_status, in bytes: [UInt8]) {
        // simdjson does not say where, and refuses a number that does not fit before anybody asks for the field.
        let field = status == .CSIMDJSON_BAD_NUMBER ? pathOfBadNumber(in: bytes) : nil
        self.init(field: field ?? Self.wholePayload, message: Self.message(status))
    }

    private static func message(_ status: csimdjson_status) -> String {
        switch status {
        case .CSIMDJSON_TOO_DEEP: "it is nested deeper than 128 levels"
        case .CSIMDJSON_NOT_UTF8: "it is not valid UTF-8"
        case .CSIMDJSON_BAD_NUMBER: "a number is malformed or does not fit 64 bits"
        case .CSIMDJSON_BAD_STRING: "it has a string that JSON does not allow"
        case .CSIMDJSON_EMPTY: "it is empty"
        case .CSIMDJSON_OUT_OF_MEMORY: "it is too large"
        case .CSIMDJSON_OK, .CSIMDJSON_MALFORMED: "it is not JSON"
        }
    }
}
