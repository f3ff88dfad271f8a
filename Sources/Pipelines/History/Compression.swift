internal import CZlib

/// zlib streams, RFC 1950.
enum Compression {
    enum Effort: Int32 {
        /// While a log is being written.
        case quick = 1
        /// Once, when it is whole.
        case thorough = 6
    }

    static func compress(_ bytes: [UInt8], _ effort: Effort) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Int(compressBound(UInt(bytes.count)))) { result, count in
            var length = UInt(result.count)
            let code = compress2(result.baseAddress, &length, bytes, UInt(bytes.count), effort.rawValue)
            // Only memory can be short here: the room is what zlib asked for.
            precondition(code == Z_OK, "zlib: \(code)")
            count = Int(length)
        }
    }

    /// - Parameter length: of what comes out.
    /// - Throws: ``HistoryError`` with code `corrupt`.
    static func decompress(_ bytes: [UInt8], length: Int) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: max(length, 1)) { result, count in
            var written = UInt(length)
            let code = uncompress(result.baseAddress, &written, bytes, UInt(bytes.count))
            guard code == Z_OK, written == UInt(length) else {
                throw HistoryError(.corrupt, "A piece of a log cannot be read: zlib \(code).")
            }
            count = length
        }
    }
}
