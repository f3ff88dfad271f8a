import Glibc

/// A `RUN --mount`. podman before 4.9 binds what a symbolic link in a stage or in the context leads to, on the host
/// (CVE-2024-1753), and makes caches wherever their ids lead (CVE-2024-9675): either gives a step the machine's root
/// folder to write to. Debian 12 has podman 4.3, with both. So a mount passes if nothing that a step writes, and no path
/// with `..` in it, has a say in where it comes from.
///
/// Sources: Dockerfile reference, RUN --mount; buildah 1.28, internal/parse/parse.go.
struct BuildMount: Sendable, Equatable {
    /// As written, without `--mount=`.
    let text: String
    /// By one name each, in order: `target`, `source`, `ro`.
    private let options: [(key: String, value: String)]

    init(_ text: String) {
        self.text = text
        options = text.split(separator: ",", omittingEmptySubsequences: false).map { option in
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return (Self.aliases[parts[0]] ?? parts[0], parts.count > 1 ? parts[1] : "")
        }
    }

    static func == (one: BuildMount, other: BuildMount) -> Bool { one.text == other.text }

    private static let aliases = [
        "dst": "target", "destination": "target", "src": "source", "readonly": "ro", "readwrite": "rw",
        "size": "tmpfs-size", "mode": "mode",
    ]

    private subscript(key: String) -> String? { options.first { $0.key == key }?.value }

    /// The image or stage that it comes from.
    var from: String? { self["from"] }

    // MARK: - What passes

    /// What each type may say.
    private static let known: [String: Set<String>] = [
        "bind": ["type", "target", "source", "from", "ro", "nosuid", "nodev", "noexec"],
        "cache": ["type", "target", "id", "from", "ro", "sharing", "mode", "uid", "gid"],
        "tmpfs": ["type", "target", "tmpfs-size", "tmpfs-mode", "ro", "nosuid", "nodev", "noexec"],
        "secret": ["type", "target", "id", "required", "mode", "uid", "gid"],
        "ssh": ["type", "target", "id", "required", "mode", "uid", "gid"],
    ]

    /// Why a build with these mounts is refused, in words that follow the mount; nil if it is not.
    ///
    /// - Parameter context: the folder of the build, absolute and without symbolic links. No step can write to it.
    static func fault(in mounts: [BuildMount], context: String) -> (mount: BuildMount, reason: String)? {
        for mount in mounts {
            if let reason = mount.fault(context: context) { return (mount, reason) }
        }
        let caches = mounts.compactMap { mount in mount.cache.map { (mount, $0) } }
        for (mount, place) in caches {
            // A step that has a cache could put a link in the place of one that lies in it.
            if caches.contains(where: { $0.1.count < place.count && place.starts(with: $0.1) }) {
                return (mount, "names a cache inside of another: give each an id of its own, without slashes")
            }
            if mount["sharing"] == "locked", caches.filter({ $0.1 == place }).count > 1 {
                return (mount, "locks a cache of several steps: leave sharing=locked out, a cache lives for one build")
            }
        }
        return nil
    }

    private func fault(context: String) -> String? {
        guard text.utf8.allSatisfy(Self.isPlain) else {
            return "holds quotes, variables or other signs that are not read here: write it plainly"
        }
        let type = self["type"] ?? "bind"
        guard let known = Self.known[type] else { return "is of a type that is not supported here" }
        if let other = options.first(where: { !known.contains($0.key) }) {
            if other.key == "rw" { return "would write to what it mounts: leave rw out, and write elsewhere" }
            return "says \(other.key), which is not supported here: leave it out"
        }
        guard Set(options.map(\.key)).count == options.count else { return "says one thing twice" }
        if options.contains(where: { $0.value.parts(at: "/").contains("..") }) { return "holds '..'" }
        guard let source = self["source"], !Self.steps(source).isEmpty else { return nil }
        guard from == nil else {
            return "would follow links of another image: leave source out, and name the path in the command"
        }
        var path = context
        for step in Self.steps(source) {
            path += "/\(step)"
            var status = stat()
            if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFLNK {
                return "leads through a symbolic link: name the path that it points to"
            }
        }
        return nil
    }

    /// Where podman puts a cache, below a folder of this build; nil for what is none.
    private var cache: [Substring]? {
        guard self["type"] == "cache", from == nil else { return nil }
        let id = self["id"] ?? ""
        return Self.steps(id.isEmpty ? self["target"] ?? "" : id)
    }

    private static func steps(_ path: String) -> [Substring] {
        path.parts(at: "/").filter { !$0.isEmpty && $0 != "." }
    }

    private static func isPlain(_ byte: UInt8) -> Bool { byte.isLetterOrDigit || "._-/@:+~=,".utf8.contains(byte) }
}
