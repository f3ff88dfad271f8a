/// Gets a request and the means to answer it, on one of the server's threads, which serves many connections: a handler
/// that has to wait for something returns and answers later.
public typealias Handler = @Sendable (Request, Responder) -> Void

/// An HTTP/1.1 server on libmicrohttpd. It serves from the moment it is made until it is stopped; one that is let go
/// unstopped stops by itself, without grace.
public final class HTTPServer: Sendable {
    private let engine: Engine

    /// Listens and serves.
    /// - Throws: ``HTTPServerError``; the address is in its message.
    public init(configuration: HTTPServerConfiguration, handler: @escaping Handler) throws {
        engine = try Engine(core: Core(configuration: configuration, handler: handler))
    }

    deinit {
        let engine = self.engine
        // Not here: the last to let go may be a handler, on a thread that stopping waits for.
        Thread.detach(name: "http-stop") { engine.stop(grace: .zero) }
    }

    /// The port it listens on, also where the configuration left the choice to the machine.
    public var port: UInt16 { engine.port }

    /// Bytes of the bodies of all requests that are not answered yet.
    public var bodyBytesInFlight: Int { engine.core.bodies.inFlight }

    /// Connections open now.
    public var openConnections: Int { engine.core.openConnections }

    /// Stops: refuses new connections at once, ends the event streams, lets what is under way finish for as long as
    /// `grace`, then answers 503 where a handler has not, and closes all connections. Returns when no thread of the
    /// server is left; a second call waits for the first.
    public func stop(grace: Duration = .seconds(10)) async {
        let engine = self.engine
        await withCheckedContinuation { (stopped: CheckedContinuation<Void, Never>) in
            Thread.detach(name: "http-stop") {
                engine.stop(grace: grace)
                stopped.resume()
            }
        }
    }
}
