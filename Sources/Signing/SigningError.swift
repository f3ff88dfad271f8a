import COpenSSL

/// What went wrong in this module. The messages never contain a secret, a key or a plaintext.
public struct SigningError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: Sendable, Equatable {
        /// A secret of no bytes: it would accept everybody's signature.
        case emptySecret
        /// The key file is missing, readable by others, of a wrong size or of a wrong kind.
        case badKey
        /// A sealed value does not open: damaged, sealed by another key or for another context.
        case notAuthentic
        /// A password that bcrypt cannot hash whole, or a cost out of range.
        case badPassword
        /// A file could not be read or written.
        case file
        /// OpenSSL or libcrypt refused to work.
        case library
    }

    public let code: Code
    public let message: String

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension SigningError {
    /// Takes the newest entry of OpenSSL's per-thread error queue and empties the queue.
    static func openSSL(_ action: String) -> SigningError {
        var text = [CChar](repeating: 0, count: 256)
        ERR_error_string_n(ERR_peek_last_error(), &text, text.count)
        ERR_clear_error()
        let reason = String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        return SigningError(code: .library, message: "\(action): \(reason)")
    }
}
