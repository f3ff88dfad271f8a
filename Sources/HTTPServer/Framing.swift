import CMicroHTTPD
import Glibc

/// Reads the head of a request out of libmicrohttpd's memory and refuses what two programs could read in two ways
/// (RFC 9112, 6.3 and 11.2).
///
/// libmicrohttpd 0.9.75 takes the first of several Content-Length, ignores it beside Transfer-Encoding, glues folded
/// lines to the *name* of the field, cuts lines at a NUL, ends lines at a bare line feed, and keeps white space before
/// the colon as part of the name. All of that leaves traces in its memory: it parses in place, so in a proper head the
/// method, the target, the version and every name and value follow each other at exact distances. Where they do not,
/// something was hidden, and the request is refused.
struct Framing {
    private(set) var head = RequestHead()
    /// Bytes of the body as announced; nil where it comes in chunks.
    private(set) var contentLength: Int? = 0

    private var fault: String?
    /// Where the next line has to start.
    private var expected: UInt
    private var lengths = 0
    private var encodings = 0
    private var hosts = 0
    private var host: [UInt8] = []

    /// Where the parts of the request line lie in libmicrohttpd's memory.
    struct RequestLine {
        let method: UnsafePointer<CChar>
        let target: UInt
        let targetLength: Int
        let version: UnsafePointer<CChar>

        var end: UInt { UInt(bitPattern: version) + 8 + 2 }

        /// Single spaces between the parts, and no NUL in them.
        var isWhole: Bool {
            UInt(bitPattern: method) + UInt(strlen(method)) + 1 == target
                && target + UInt(targetLength) + 1 == UInt(bitPattern: version)
        }
    }

    /// Reads the head of the request that has just arrived on `connection`.
    /// - Returns: the head, or what is wrong with it in a few words.
    static func read(
        _ connection: OpaquePointer,
        line: RequestLine,
        authority: [UInt8]?
    ) -> Result<Framing, FramingFault> {
        var framing = Framing(expected: line.end)
        let size = microhttpd_head_size(connection)
        framing.head.reserve(size + 64)
        withUnsafeMutablePointer(to: &framing) { framing in
            _ = MHD_get_connection_values_n(connection, .HEADER_KIND, visit, framing)
        }
        let isOld = line.version[7] == CChar(ASCII.zero)
        if let fault = framing.fault(line: line, size: size, isOld: isOld, authority: authority) {
            return .failure(FramingFault(reason: fault))
        }
        return .success(framing)
    }

    private init(expected: UInt) { self.expected = expected }

    private static let visit: MHD_KeyValueIteratorN = { context, _, name, nameLength, value, valueLength in
        guard let context, let name else { return .NO }
        let framing = context.assumingMemoryBound(to: Framing.self)
        let nameBytes = UnsafeRawPointer(name).assumingMemoryBound(to: UInt8.self)
        // A field without a value still has one of length 0; libmicrohttpd documents null for it all the same.
        let valueBytes = UnsafeRawPointer(value ?? name + nameLength).assumingMemoryBound(to: UInt8.self)
        framing.pointee.add(
            name: UnsafeBufferPointer(start: nameBytes, count: nameLength),
            value: UnsafeBufferPointer(start: valueBytes, count: valueLength)
        )
        return framing.pointee.fault == nil ? .YES : .NO
    }

    private mutating func add(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        guard !name.isEmpty, name.allSatisfy(ASCII.isToken) else {
            fault = "a header name is malformed"
            return
        }
        guard value.allSatisfy(ASCII.isFieldValue) else {
            fault = "a header value has a control character"
            return
        }
        let nameStart = UInt(bitPattern: name.baseAddress)
        let valueStart = UInt(bitPattern: value.baseAddress)
        // The colon became a NUL; up to the value there is nothing but white space.
        let nameEnd = nameStart + UInt(name.count)
        guard nameStart == expected, valueStart > nameEnd, valueStart - nameEnd <= UInt(UInt16.max),
            let gap = UnsafePointer<UInt8>(bitPattern: nameEnd + 1),
            (0..<Int(valueStart - nameEnd - 1)).allSatisfy({ gap[$0] == ASCII.space || gap[$0] == ASCII.tab })
        else {
            fault = "a header line is folded or ends wrongly"
            return
        }
        expected = valueStart + UInt(value.count) + 2
        inspect(name: name, value: value)
        head.append(name: name, value: value)
    }

    private mutating func inspect(name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>) {
        switch name.count {
        case 4 where ASCII.equal(name, "host"):
            hosts += 1
            host = Array(value)
        case 14 where ASCII.equal(name, "content-length"):
            lengths += 1
            contentLength = Framing.number(value)
            if contentLength == nil { fault = "Content-Length is not a number" }
        case 17 where ASCII.equal(name, "transfer-encoding"):
            encodings += 1
            if !ASCII.equal(value, "chunked") { fault = "Transfer-Encoding is not chunked" }
        default:
            break
        }
    }

    private static func number(_ digits: UnsafeBufferPointer<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 18, digits.allSatisfy(ASCII.isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int($1 - ASCII.zero) }
    }

    private mutating func fault(line: RequestLine, size: Int, isOld: Bool, authority: [UInt8]?) -> String? {
        if let fault { return fault }
        let method = UnsafeRawBufferPointer(start: line.method, count: strlen(line.method))
        guard line.isWhole, !method.isEmpty, method.allSatisfy(ASCII.isToken) else {
            return "the request line is malformed"
        }
        // Behind the last field the empty line, and that is the end of the head.
        guard expected + 2 == UInt(bitPattern: line.method) + UInt(size) else {
            return "a header line is folded or ends wrongly"
        }
        guard lengths <= 1, encodings <= 1 else { return "the length of the body is given twice" }
        guard lengths == 0 || encodings == 0 else { return "both Content-Length and Transfer-Encoding" }
        guard encodings == 0 || !isOld else { return "Transfer-Encoding in HTTP/1.0" }
        guard hosts <= 1 else { return "more than one Host" }
        guard hosts == 1 || isOld else { return "no Host" }
        if let authority, hosts == 1, !ASCII.equal(authority, host) { return "Host is not the host of the target" }
        if encodings == 1 { contentLength = nil }
        return nil
    }
}

/// Why a request's head was refused.
struct FramingFault: Error {
    let reason: String
}
