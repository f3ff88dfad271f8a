import Glibc

/// Which file a path named at some moment.
struct FileIdentity: Sendable {
    let path: String
    private let device: dev_t
    private let number: ino_t

    init(_ path: String) {
        self.path = path
        var facts = stat()
        stat(path, &facts)
        (device, number) = (facts.st_dev, facts.st_ino)
    }

    /// Whether it names the same file now. One that cannot be looked at for another reason counts as there.
    var isThere: Bool {
        var facts = stat()
        guard stat(path, &facts) == 0 else { return errno != ENOENT }
        return facts.st_dev == device && facts.st_ino == number
    }
}
