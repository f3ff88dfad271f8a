import Glibc

/// Where the server listens and what it allows its clients. Every limit has a default that holds on a small machine.
public struct HTTPServerConfiguration: Sendable {
    /// The address to listen on, as a number (`127.0.0.1`, `::1`, `0.0.0.0`, `::`) or a host name. Default: loopback.
    public var address: String = "127.0.0.1"
    /// The port to listen on; 0 (the default) takes any free one, see ``HTTPServer/port``.
    public var port: UInt16 = 0
    /// Threads that serve connections, each with an epoll loop of its own. Default: active cores, at least 2.
    public var threads: Int = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    /// Connections open at the same time; a further one is answered 503 and closed. Default: 4096.
    public var connectionLimit: Int = 4096
    /// Seconds without a byte in either direction after which a connection is closed; waiting for a handler does not
    /// count. Default: 60.
    public var idleTimeout: Int = 60
    /// Seconds within which a request has to arrive whole, from its request line on, however steadily it drips. The
    /// request line itself has as long, or ``idleTimeout`` where that is longer. Default: 120.
    public var requestTimeout: Int = 120
    /// Bytes of one request's body; a longer one is answered 413 and the connection closed. Default: 25 MiB, the most
    /// that GitHub sends.
    public var maxBodyBytes: Int = 25 * 1024 * 1024
    /// Bytes of the bodies of all requests that are not answered yet; past it 503 with Retry-After, and the connection
    /// is closed. Default: 64 MiB.
    public var maxBodyBytesInFlight: Int = 64 * 1024 * 1024
    /// A lower cap in bytes for the bodies of one route, asked before a byte of the body is read. Default: none.
    public var bodyLimit: (@Sendable (_ method: String, _ path: String) -> Int)?
    /// Time between two comment lines on an event stream; a client that left is noticed by them. Default: 15 seconds.
    public var heartbeat: Duration = .seconds(15)
    /// How long a server that is being stopped waits for the first request of a connection that it has just accepted, so
    /// that what a client has sent is read and answered. Default: 1 second.
    public var newcomerGrace: Duration = .seconds(1)

    /// Told of every answer as it goes out, also of those that the server gives by itself: for metrics. It is called on a
    /// thread that serves connections and must not wait. Method and path are empty where the head was malformed.
    public var observer: (@Sendable (_ answered: AnsweredRequest) -> Void)?

    public init() {}
}

/// A request and what was answered.
public struct AnsweredRequest: Sendable {
    public let method: String
    /// Percent-decoded.
    public let path: String
    public let status: Int
    /// Seconds from the request line to the answer. The body's journey to the client is not in it, so that an event stream
    /// counts as answered when it begins.
    public let seconds: Double
}
