/// How to prove who we are to the server of a repository. Sent to that server only: never to another host or port,
/// neither after a redirect nor for a submodule.
public enum GitCredential: Sendable {
    case none
    /// For http and https (RFC 7617), and for ssh servers that take passwords. With a token from GitHub, the user is
    /// `x-access-token`.
    case password(user: String, password: String)
    /// A private key file in OpenSSH or PEM format. Host keys are checked against `knownHostsPath` (the format of
    /// OpenSSH's known_hosts), or against the home folder's `.ssh/known_hosts` where that is nil; it should have all
    /// keys of the host, since libssh2 1.10 does not look into it before it chooses a kind. The same version cannot
    /// sign with RSA keys in a way that OpenSSH 8.8 and GitHub accept: use Ed25519 or ECDSA.
    case sshKey(user: String, privateKeyPath: String, passphrase: String?, knownHostsPath: String?)
}

/// How long an exchange with a server may take.
public struct FetchLimits: Sendable {
    /// For the whole of it.
    public var deadline: Duration
    /// Without a single byte from the server.
    public var idle: Duration

    public init(deadline: Duration = .seconds(300), idle: Duration = .seconds(30)) {
        self.deadline = deadline
        self.idle = idle
    }
}

/// How far a fetch has come. Reported at most ten times a second, on the fetch's own thread.
public struct FetchProgress: Sendable, Equatable {
    public let receivedObjects: Int
    public let totalObjects: Int
    public let resolvedDeltas: Int
    public let totalDeltas: Int
    public let receivedBytes: Int
}

/// What to do with the submodules of a revision.
public enum SubmodulePolicy: Sendable {
    /// Check them out, from https, http, ssh and relative addresses; refuse all others.
    case checkOut
    /// Leave an empty folder for each, as `git clone` does by default. Their addresses are not looked at.
    case leaveEmpty
}

/// What is told about a revision.
public struct CommitInfo: Sendable, Equatable {
    /// The full SHA-1 in hexadecimal digits.
    public let revision: String
    public let message: String
    public let author: String
    /// When it was committed, in seconds since 1970, UTC.
    public let commitTime: Int64

    public init(revision: String, message: String, author: String, commitTime: Int64) {
        (self.revision, self.message, self.author, self.commitTime) = (revision, message, author, commitTime)
    }
}
