import CZlib
import HTTPServer

/// Unpacks what ``gzip(_:)`` packed; nil where it is not whole.
func gunzip(_ packed: [UInt8]) -> [UInt8]? {
    var stream = z_stream()
    guard zlib_inflate_init_gzip(&stream) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = packed
    return input.withUnsafeMutableBufferPointer { input in
        stream.next_in = input.baseAddress
        stream.avail_in = uInt(input.count)
        var bytes: [UInt8] = []
        var status = Z_OK
        while status == Z_OK {
            bytes += [UInt8](unsafeUninitializedCapacity: 65_536) { output, count in
                stream.next_out = output.baseAddress
                stream.avail_out = uInt(output.count)
                status = inflate(&stream, Z_NO_FLUSH)
                count = output.count - Int(stream.avail_out)
            }
        }
        return status == Z_STREAM_END && stream.avail_in == 0 ? bytes : nil
    }
}

extension Response {
    /// The body in memory; nil for a stream.
    var bytes: [UInt8]? {
        switch body {
        case .empty: []
        case .bytes(let bytes): bytes
        case .stream: nil
        }
    }
}
