import Glibc

/// Which networks of this machine's data folders have which subnet, since it was started: a link to each network's file.
/// Two folders that look for a free subnet at the same moment do so one after the other.
struct SubnetClaims {
    static let folder = "/run/fairlead/networks"
    /// Negative where we may not write: then there is only what the routes say.
    private let lock: Int32

    init() {
        try? SmallFile.makeFolder(Self.folder, mode: 0o700)
        lock = open("\(Self.folder)/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        if lock >= 0 { flock(lock, LOCK_EX) }
        for name in SmallFile.names(in: Self.folder) where access("\(Self.folder)/\(name)", F_OK) != 0 {
            unlink("\(Self.folder)/\(name)")
        }
    }

    func add(_ path: String) {
        symlink(path, "\(Self.folder)/\(path.split(separator: "/").last ?? "")")
    }

    func close() { if lock >= 0 { Glibc.close(lock) } }
}
