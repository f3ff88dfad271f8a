/// The files of a folder, read into memory once: what is served cannot change under the server, no request touches the
/// disk, and no path can lead out of the folder.
public struct StaticFiles: Sendable {
    private struct File: Sendable {
        let bytes: [UInt8]
        /// The gzip form, where it is smaller.
        let packed: [UInt8]?
        /// A hash of the bytes, 32 hexadecimal digits.
        let tag: String
        let type: String
    }

    /// By path, starting with `/`.
    private let files: [String: File]

    /// Reads all files below a folder. Left out are names that begin with a dot and symbolic links.
    /// - Throws: ``HTTPServerError`` when the folder cannot be read, or holds more than 64 MiB.
    public init(folder: String) throws {
        var files: [String: File] = [:]
        for (path, bytes) in try Folder.read(folder, limit: 64 * 1024 * 1024) {
            let type = MediaType.of(path)
            let packed = MediaType.isCompressible(type) && bytes.count >= 256 ? gzip(bytes) : nil
            files[path] = File(
                bytes: bytes,
                packed: packed.flatMap { $0.count < bytes.count ? $0 : nil },
                tag: StaticFiles.hash(bytes),
                type: type
            )
        }
        self.files = files
    }

    /// The paths that are served, sorted.
    public var paths: [String] { files.keys.sorted() }

    /// A hash of a file's bytes for its address: `/app.js?v=HASH` may be cached for ever.
    public func tag(of path: String) -> String? { files[path]?.tag }

    /// The answer to a request for a file: 200, 304 where the client has it already, or 405 for methods other than GET
    /// and HEAD.
    /// - Parameter path: the file's path below the folder, starting with `/`; one that ends in `/` means its
    ///   `index.html`.
    /// - Returns: nil where there is no such file.
    public func response(for request: Request, path: String) -> Response? {
        guard let file = files[path.hasSuffix("/") ? path + "index.html" : path] else { return nil }
        guard request.method == "GET" || request.method == "HEAD" else {
            return .text("Only GET and HEAD work here.\n", status: 405, headers: [("Allow", "GET, HEAD")])
        }
        let packed = AcceptEncoding.allowsGzip(request) ? file.packed : nil
        let tag = packed == nil ? "\"\(file.tag)\"" : "\"\(file.tag)-gzip\""
        var headers = [("ETag", tag), ("Cache-Control", caching(request, file))]
        if file.packed != nil { headers.append(("Vary", "Accept-Encoding")) }
        headers.append(("X-Content-Type-Options", "nosniff"))
        if isFresh(request, tag: tag) { return .empty(304, headers: headers) }
        if packed != nil { headers.append(("Content-Encoding", "gzip")) }
        return .bytes(packed ?? file.bytes, type: file.type, headers: headers)
    }

    /// For ever where the address names the bytes, else only after asking whether they are still the same.
    private func caching(_ request: Request, _ file: File) -> String {
        request.query.contains { $0.name == "v" && $0.value == file.tag }
            ? "public, max-age=31536000, immutable" : "no-cache"
    }

    /// RFC 9110, 13.1.2: a list of tags, compared weakly, or `*`.
    private func isFresh(_ request: Request, tag: String) -> Bool {
        request.headers(named: "If-None-Match").contains { field in
            field.split(separator: ",").contains { item in
                let item = item.drop { $0 == " " || $0 == "\t" }.prefix { $0 != " " && $0 != "\t" }
                return item == "*" || item == tag || item == "W/" + tag
            }
        }
    }

    /// FNV-1a of 128 bits: it tells versions of a file apart, and protects against nobody.
    private static func hash(_ bytes: [UInt8]) -> String {
        var hash: UInt128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d
        for byte in bytes {
            hash ^= UInt128(byte)
            hash &*= 0x0000_0000_0100_0000_0000_0000_0000_013b
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 32 - digits.count) + digits
    }
}
