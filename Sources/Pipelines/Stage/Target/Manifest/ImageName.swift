/// A container's image as a manifest writes it (grammar: distribution/reference; short names as Docker reads them).
///
/// An image of the pipeline is written by its bare name, with or without a tag: `backend` or `backend:latest`. Anything
/// with a slash or a digest is somebody else's image and left as it is.
struct ImageName: Equatable {
    /// With host: `docker.io/library/redis:7`.
    let full: String
    /// What an image of the pipeline must be called to be meant; nil if none can be.
    let bare: String?
    /// Kubernetes asks the registry every time for `latest` or no tag.
    let isLatest: Bool
    let hasDigest: Bool

    /// Nil for what is not the name of an image in a registry: paths and archives of this machine among others.
    init?(_ text: String) {
        guard text.utf8.count <= 512 else { return nil }
        var rest = Substring(text)
        var digest: Substring?
        if let at = rest.firstIndex(of: "@") {
            digest = rest[rest.index(after: at)...]
            rest = rest[..<at]
            guard Self.isDigest(digest ?? "") else { return nil }
        }
        var components = rest.split(separator: "/", omittingEmptySubsequences: false)
        guard var last = components.popLast() else { return nil }
        var tag: Substring?
        if let colon = last.firstIndex(of: ":") {
            tag = last[last.index(after: colon)...]
            last = last[..<colon]
            guard Self.isTag(tag ?? "") else { return nil }
        }
        var host: Substring?
        if let first = components.first, first.contains(".") || first.contains(":") || first == "localhost" {
            host = components.removeFirst()
            guard Self.isHost(host ?? "") else { return nil }
        }
        guard (components + [last]).allSatisfy(Self.isComponent) else { return nil }
        // podman keeps what was built on this machine, other pipelines' images among it, under this name.
        if host == "localhost" { return nil }
        let path = (components + [last]).joined(separator: "/")
        let repository = host == nil && components.isEmpty ? "library/\(path)" : path
        full = "\(host ?? "docker.io")/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
        bare = host == nil && components.isEmpty && digest == nil ? String(last) : nil
        isLatest = digest == nil && (tag == nil || tag == "latest")
        hasDigest = digest != nil
    }

    private static func isDigest(_ text: Substring) -> Bool {
        guard text.begins(with: "sha256:") else { return false }
        let hexadecimal = text.dropFirst(7).utf8
        return hexadecimal.count == 64
            && hexadecimal.allSatisfy { $0.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
    }

    private static func isTag(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first.isLetterOrDigit || first == UInt8(ascii: "_") else { return false }
        return text.utf8.count <= 128 && text.utf8.allSatisfy { $0.isLetterOrDigit || "_.-".utf8.contains($0) }
    }

    private static func isHost(_ text: Substring) -> Bool {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let name = parts.first, parts.count <= 2, !name.isEmpty else { return false }
        let isName = name.utf8.allSatisfy { $0.isLetterOrDigit || ".-".utf8.contains($0) }
        let port = parts.count == 2 ? plainNumber(parts[1]) : 1
        return isName && name.utf8.first?.isLetterOrDigit == true && (port.map { (1...65535).contains($0) } ?? false)
    }

    private static func isComponent(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, let last = text.utf8.last, first.isLowerOrDigit, last.isLowerOrDigit else {
            return false
        }
        return text.utf8.allSatisfy { $0.isLowerOrDigit || "._-".utf8.contains($0) }
    }
}
