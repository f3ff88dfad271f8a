import Glibc

/// One address that a name stands for, ready for `connect`.
struct SocketAddress: Sendable {
    let family: Int32
    let bytes: [UInt8]

    /// On this machine, or on the link (where cloud metadata services are): nothing that a repository may name.
    var isLoopbackOrLinkLocal: Bool {
        if family == AF_INET { return Self.isClosed(ipv4: Array(bytes[4..<8])) }
        let address = Array(bytes[8..<24])
        let mapped = address[0..<10].allSatisfy { $0 == 0 } && address[10] == 0xff && address[11] == 0xff
        if mapped { return Self.isClosed(ipv4: Array(address[12..<16])) }
        let zeroesAndOne = address[0..<15].allSatisfy { $0 == 0 } && address[15] <= 1
        return zeroesAndOne || (address[0] == 0xfe && address[1] & 0xc0 == 0x80)
    }

    private static func isClosed(ipv4: [UInt8]) -> Bool {
        ipv4[0] == 127 || ipv4[0] == 0 || (ipv4[0] == 169 && ipv4[1] == 254)
    }
}

/// Looks up a host on a thread of its own: getaddrinfo can block for half a minute and cannot be ended, so a job that
/// has to stop leaves it behind.
func resolve(host: String, port: Int, job: Job) throws(GitError) -> [SocketAddress] {
    let answer = Answer()
    try startThread { answer.fill(lookUp(host: host, port: port)) }
    return try answer.take(job: job, host: host)
}

private final class Answer: @unchecked Sendable {
    // Unchecked: the value is behind the lock.
    private let lock = Lock()
    private var result: Result<[SocketAddress], GitError>?

    func fill(_ value: Result<[SocketAddress], GitError>) {
        lock.withLock {
            result = value
            lock.wakeAll()
        }
    }

    func take(job: Job, host: String) throws(GitError) -> [SocketAddress] {
        try lock.withLock { () throws(GitError) in
            while true {
                if let result { return try result.get() }
                if let reason = job.reasonToStopWaiting() { throw reason }
                lock.wait(milliseconds: 100)
            }
        }
    }
}

private func lookUp(host: String, port: Int) -> Result<[SocketAddress], GitError> {
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &list)
    guard status == 0 else {
        let why = String(cString: gai_strerror(status))
        return .failure(GitError(.network, "the name \(host) cannot be resolved: \(why)"))
    }
    defer { freeaddrinfo(list) }
    var addresses: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee {
        if let address = entry.ai_addr, entry.ai_family == AF_INET || entry.ai_family == AF_INET6 {
            let bytes = UnsafeRawBufferPointer(start: address, count: Int(entry.ai_addrlen))
            addresses.append(SocketAddress(family: entry.ai_family, bytes: Array(bytes)))
        }
        next = entry.ai_next
    }
    return .success(addresses)
}
