/// The header fields of a request in one block of memory: length of name, length of value, name, value, and so on.
/// A block costs one allocation a request; strings are made only of what somebody asks for.
struct RequestHead: Sendable {
    private var block: [UInt8] = []

    init() {}

    init(_ fields: [(String, String)]) {
        for (name, value) in fields {
            var name = name
            var value = value
            name.withUTF8 { name in value.withUTF8 { append(name: name, value: $0) } }
        }
    }

    mutating func reserve(_ bytes: Int) { block.reserveCapacity(bytes) }

    /// Neither may be longer than 65,535 bytes; the connection's memory ends at 32 KiB.
    mutating func append(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        precondition(name.count <= UInt16.max && value.count <= UInt16.max, "header field too long")
        block.append(UInt8(truncatingIfNeeded: name.count))
        block.append(UInt8(truncatingIfNeeded: name.count >> 8))
        block.append(UInt8(truncatingIfNeeded: value.count))
        block.append(UInt8(truncatingIfNeeded: value.count >> 8))
        block.append(contentsOf: name)
        block.append(contentsOf: value)
    }

    /// The value of the first field of this name, without regard to case.
    func first(_ name: String) -> String? {
        var found: String?
        forEach(name) { value in
            found = String(decoding: value, as: UTF8.self)
            return false
        }
        return found
    }

    /// The values of all fields of this name, in the order they came.
    func all(_ name: String) -> [String] {
        var values: [String] = []
        forEach(name) { value in
            values.append(String(decoding: value, as: UTF8.self))
            return true
        }
        return values
    }

    /// Calls `body` with every value of this name until it returns false.
    func forEach(_ name: String, _ body: (UnsafeBufferPointer<UInt8>) -> Bool) {
        var name = name
        name.withUTF8 { wanted in
            block.withUnsafeBufferPointer { block in
                var index = 0
                while index < block.count {
                    let nameCount = Int(block[index]) | Int(block[index + 1]) << 8
                    let valueCount = Int(block[index + 2]) | Int(block[index + 3]) << 8
                    let nameStart = index + 4
                    let valueStart = nameStart + nameCount
                    index = valueStart + valueCount
                    guard nameCount == wanted.count else { continue }
                    var same = true
                    for offset in 0..<nameCount
                    where ASCII.lowercased(block[nameStart + offset]) != ASCII.lowercased(wanted[offset]) {
                        same = false
                        break
                    }
                    guard same else { continue }
                    guard body(UnsafeBufferPointer(rebasing: block[valueStart..<index])) else { return }
                }
            }
        }
    }
}
