/// Types of content, by the suffix of a file.
enum MediaType {
    private static let bySuffix: [String: String] = [
        "html": "text/html; charset=utf-8",
        "css": "text/css; charset=utf-8",
        "js": "text/javascript; charset=utf-8",
        "mjs": "text/javascript; charset=utf-8",
        "json": "application/json",
        "map": "application/json",
        "webmanifest": "application/manifest+json",
        "txt": "text/plain; charset=utf-8",
        "md": "text/markdown; charset=utf-8",
        "xml": "application/xml",
        "yaml": "application/yaml",
        "yml": "application/yaml",
        "svg": "image/svg+xml",
        "png": "image/png",
        "jpg": "image/jpeg",
        "jpeg": "image/jpeg",
        "gif": "image/gif",
        "webp": "image/webp",
        "avif": "image/avif",
        "ico": "image/x-icon",
        "woff2": "font/woff2",
        "woff": "font/woff",
        "wasm": "application/wasm",
        "pdf": "application/pdf",
    ]

    static func of(_ path: String) -> String {
        guard let dot = path.lastIndex(of: ".") else { return "application/octet-stream" }
        return bySuffix[path[path.index(after: dot)...].lowercased()] ?? "application/octet-stream"
    }

    /// Whether gzip makes bodies of this type smaller.
    static func isCompressible(_ type: String) -> Bool {
        let name = type.prefix { $0 != ";" }.lowercased()
        return name.hasPrefix("text/") && name != "text/event-stream"
            || name.hasSuffix("json") || name.hasSuffix("xml") || name.hasSuffix("yaml")
            || name.hasSuffix("javascript") || name == "application/wasm"
    }
}
