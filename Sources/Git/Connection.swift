import Glibc

/// What stands behind one stream that libgit2 asked for: a connection to the server of the current transfer, and to no
/// other.
final class Connection {
    private enum Channel {
        case closed
        case plain(Socket)
        case tls(TLSSession, Socket)
        case relay(Relay)
    }

    let job: Job
    private let transfer: Transfer
    private let isEncrypted: Bool
    private let port: Int
    private var channel = Channel.closed

    /// Refuses every host and port but the ones that the transfer is about. A redirect from http to https on the
    /// standard ports of the same host is the one exception.
    init(job: Job, transfer: Transfer, host: String, port: String, isEncrypted: Bool) throws(GitError) {
        let url = transfer.url
        let number = Int(port) ?? 0
        let isOurs = number == url.port && isEncrypted == (url.scheme == .https)
        let isUpgrade = url.scheme == .http && url.port == 80 && isEncrypted && number == 443
        guard host.lowercased() == url.host, isOurs || isUpgrade else {
            throw GitError(.other, "\(url.display) redirects to another server, \(host):\(port), which is not followed")
        }
        (self.job, self.transfer, self.isEncrypted, self.port) = (job, transfer, isEncrypted, number)
    }

    /// Connects, and returns the descriptor that an ssh session may use as its socket (-1 for http).
    func open() throws(GitError) -> Int32 {
        try job.check()
        let host = transfer.url.host
        let addresses = try resolve(host: host, port: port, job: job)
        if transfer.refusesLocalAddresses, let closed = addresses.first(where: \.isLoopbackOrLinkLocal) {
            _ = closed
            throw GitError(.unsafeSubmodule, "a submodule's server, \(host), is an address of this machine or its link")
        }
        let socket = try Socket(addresses: addresses, name: "\(host):\(port)", job: job)
        if transfer.url.scheme == .ssh {
            let relay = try Relay(socket: socket, job: job)
            channel = .relay(relay)
            return relay.descriptor
        }
        if isEncrypted {
            channel = .tls(try TLSSession(socket: socket, host: host, caFile: transfer.caFile), socket)
        } else {
            channel = .plain(socket)
        }
        return -1
    }

    func read(into buffer: UnsafeMutableRawPointer, count: Int) throws(GitError) -> Int {
        switch channel {
        case .plain(let socket): return try socket.read(into: buffer, count: count)
        case .tls(let session, _):
            job.noteActivity()
            return try session.read(into: buffer, count: count)
        case .closed, .relay: throw GitError(.network, "the connection is closed")
        }
    }

    func write(_ buffer: UnsafeRawPointer, count: Int) throws(GitError) -> Int {
        switch channel {
        case .plain(let socket): return try socket.write(buffer, count: count)
        case .tls(let session, _):
            job.noteActivity()
            return try session.write(buffer, count: count)
        case .closed, .relay: throw GitError(.network, "the connection is closed")
        }
    }

    func close() {
        switch channel {
        case .closed: break
        case .plain(let socket): socket.close()
        case .tls(let session, let socket):
            session.shutDown()
            socket.close()
        case .relay(let relay): relay.close()
        }
        channel = .closed
    }
}
