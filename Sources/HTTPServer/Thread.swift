import CMicroHTTPD
import Glibc

/// A thread of our own for what blocks.
/// Unchecked: `handle` is written before the value is handed out and only read after that.
final class Thread: @unchecked Sendable {
    private final class Body {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    private var handle = pthread_t()

    /// Starts a thread that runs `body` once. Whoever starts it joins it.
    /// - Throws: ``HTTPServerError`` when the machine gives us no more threads.
    init(name: String, _ body: @escaping @Sendable () -> Void) throws {
        let argument = Unmanaged.passRetained(Body(body))
        let status = pthread_create(&handle, nil, Thread.main, argument.toOpaque())
        guard status == 0 else {
            argument.release()
            throw HTTPServerError.system("cannot start thread \(name)", errno: status)
        }
        microhttpd_name_thread(handle, name)
    }

    func join() { pthread_join(handle, nil) }

    /// Starts a thread that nobody joins; runs `body` here where there are no more threads.
    static func detach(name: String, _ body: @escaping @Sendable () -> Void) {
        do {
            pthread_detach(try Thread(name: name, body).handle)
        } catch {
            body()
        }
    }

    private static let main: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
        // The runtime of C never passes less than what init gave it.
        guard let argument else { return nil }
        Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run()
        return nil
    }
}
