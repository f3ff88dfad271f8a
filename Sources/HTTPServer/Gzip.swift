import CZlib

/// Compresses bytes into one gzip member (RFC 1952).
public func gzip(_ bytes: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    // Only a lack of memory makes these fail, and that ends the process elsewhere too.
    precondition(zlib_deflate_init_gzip(&stream, 6) == Z_OK, "zlib has no memory")
    defer { deflateEnd(&stream) }
    var input = bytes
    let capacity = Int(deflateBound(&stream, uLong(bytes.count)))
    return input.withUnsafeMutableBufferPointer { input in
        [UInt8](unsafeUninitializedCapacity: capacity) { output, count in
            stream.next_in = input.baseAddress
            stream.avail_in = uInt(input.count)
            stream.next_out = output.baseAddress
            stream.avail_out = uInt(output.count)
            let status = deflate(&stream, Z_FINISH)
            precondition(status == Z_STREAM_END, "deflateBound is a bound")
            count = output.count - Int(stream.avail_out)
        }
    }
}
