import Kubernetes

/// What images are and how they run.
struct ImageTable {
    var behaviours: [String: ImageBehaviour]

    init(_ behaviours: [String: ImageBehaviour]) { self.behaviours = behaviours }

    /// By the name as written; of a pinned one also by the name of its repository.
    func behaviour(of image: String) -> ImageBehaviour {
        behaviours[image] ?? behaviours[String(image.prefix { $0 != "@" })] ?? ImageBehaviour()
    }

    /// `REPOSITORY@sha256:…` as a node names it: a pinned digest is itself, a tag what it names now.
    func imageID(of image: String) -> String {
        if let at = image.firstIndex(of: "@") {
            return ImageTable.repository(String(image[..<at])) + image[at...]
        }
        let digest = behaviours[image]?.digest ?? ImageTable.digest(of: image)
        return "\(ImageTable.repository(image))@\(digest)"
    }

    /// With its registry, without its tag.
    private static func repository(_ name: String) -> String {
        var parts = name.split(separator: "/").map(String.init)
        if let last = parts.last { parts[parts.count - 1] = String(last.prefix { $0 != ":" }) }
        if parts.count == 1 { return "docker.io/library/\(parts[0])" }
        let hasRegistry = parts[0].contains(".") || parts[0].contains(":") || parts[0] == "localhost"
        return (hasRegistry ? "" : "docker.io/") + parts.joined(separator: "/")
    }

    /// Always the same for a name.
    private static func digest(of name: String) -> String {
        "sha256:" + (0..<4).map { Fingerprint.hex("\(name)#\($0)") }.joined()
    }
}

/// A short hash (FNV-1a) for names that must come out the same every time.
enum Fingerprint {
    static func hex(_ text: String) -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in text.utf8 {
            hash ^= UInt64(byte)
            hash = hash &* 0x100_0000_01b3
        }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
