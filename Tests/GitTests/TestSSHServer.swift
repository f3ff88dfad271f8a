import Foundation
import Git

/// The real sshd on a free loopback port, with its own configuration, host key and one user's key.
final class TestSSHServer: Sendable {
    static let program = "/usr/sbin/sshd"

    /// Where OpenSSH's server is installed and may be started by us.
    static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: program) && getuid() == 0 }

    let port: Int
    let key: String
    let knownHosts: String
    private let child: ChildProcess

    /// - Parameter command: what runs in place of the command that a client asks for, which is in
    ///   `SSH_ORIGINAL_COMMAND`.
    init(in folder: String, passphrase: String = "", command: String? = nil) throws {
        let place = folder + "/ssh"
        try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true)
        key = place + "/id"
        knownHosts = place + "/known_hosts"
        try run("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-f", key])
        try run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", place + "/host"])
        let options = command.map { "command=\"\($0)\" " } ?? ""
        let publicKey = try String(contentsOfFile: key + ".pub", encoding: .utf8)
        try (options + publicKey).write(toFile: place + "/authorized_keys", atomically: false, encoding: .utf8)
        var started: (Int, ChildProcess)?
        for _ in 0..<5 where started == nil { started = try Self.start(place) }
        guard let started else { throw TestFailure("sshd did not start") }
        (port, child) = started
        let hostKey = try String(contentsOfFile: place + "/host.pub", encoding: .utf8)
        try "[127.0.0.1]:\(port) \(hostKey)".write(toFile: knownHosts, atomically: false, encoding: .utf8)
    }

    deinit { child.stop() }

    /// sshd cannot choose a port itself: nil where the one we found free was taken meanwhile.
    private static func start(_ place: String) throws -> (Int, ChildProcess)? {
        let port = try freePort()
        let configuration = """
            Port \(port)
            ListenAddress 127.0.0.1
            HostKey \(place)/host
            AuthorizedKeysFile \(place)/authorized_keys
            PidFile none
            StrictModes no
            UsePAM no
            PasswordAuthentication no
            KbdInteractiveAuthentication no
            PermitRootLogin prohibit-password
            PermitUserEnvironment no
            """
        let file = place + "/sshd_config"
        try configuration.write(toFile: file, atomically: false, encoding: .utf8)
        let log = place + "/log"
        let child = try ChildProcess([program, "-D", "-f", file, "-E", log])
        while child.isRunning {
            if text(log)?.contains("Server listening") == true { return (port, child) }
            usleep(20_000)
        }
        return nil
    }

    private static func freePort() throws -> Int {
        let probe = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        defer { close(probe) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(probe, $0, size) | getsockname(probe, $0, &size)
            }
        }
        guard status == 0 else { throw TestFailure("no port is free") }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    func url(_ repository: TestRepository) -> String { "ssh://root@127.0.0.1:\(port)\(repository.path)" }

    func credential(key other: String? = nil, passphrase: String? = nil, knownHosts hosts: String? = nil)
        -> GitCredential
    {
        .sshKey(
            user: "root",
            privateKeyPath: other ?? key,
            passphrase: passphrase,
            knownHostsPath: hosts ?? knownHosts
        )
    }
}
