import Glibc

/// Why a server could not be started, or a folder not be read.
public struct HTTPServerError: Error, Sendable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// Another program listens on this address and port.
        case addressInUse
        /// The address is not one of this machine, or cannot be resolved.
        case addressInvalid
        /// The operating system does not let us: a port below 1024, a file that we may not read.
        case permissionDenied
        /// A limit or port in the configuration makes no sense, or a folder of static files is too large.
        case configuration
        /// Anything else that the operating system refused.
        case system
    }

    public let code: Code
    /// One sentence for people, with the address or path it is about.
    public let message: String

    public var description: String { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Reads the error of the system call that has just failed.
    static func system(_ action: String, errno number: Int32 = errno) -> HTTPServerError {
        let code: Code =
            switch number {
            case EADDRINUSE: .addressInUse
            case EADDRNOTAVAIL: .addressInvalid
            case EACCES, EPERM: .permissionDenied
            default: .system
            }
        return HTTPServerError(code, "\(action): \(String(cString: strerror(number)))")
    }
}
