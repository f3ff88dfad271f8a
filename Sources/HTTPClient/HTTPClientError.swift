import CCurl

/// Why there is no response.
public struct HTTPClientError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable, Equatable {
        /// The name has no address.
        case resolve
        /// No connection, or it broke.
        case connect
        /// The server could not prove who it is, or the handshake failed.
        case tls
        /// The deadline, the time to connect or the idle time is over.
        case timeout
        /// The body is longer than allowed, or the headers than 256 KB.
        case tooLarge
        /// The task was cancelled or the client closed.
        case cancelled
        /// The address policy refuses where the name led to.
        case refusedAddress
        /// What was asked for or what came is not HTTP as it should be; also a scheme other than http and https, and too
        /// many redirects.
        case protocolError
        case other
    }

    public let code: Code
    public let message: String
    /// Nothing of the request has left for the server, so it cannot have done anything. False also where nobody knows.
    public internal(set) var isUnsent = false

    public init(code: Code, message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { message }
}

extension HTTPClientError {
    static let closed = HTTPClientError(code: .cancelled, message: "the HTTP client is closed")
    static let cancelled = HTTPClientError(code: .cancelled, message: "the request was cancelled")

    static func invalidRequest(_ reason: String) -> HTTPClientError {
        HTTPClientError(code: .protocolError, message: reason)
    }

    /// - Parameter detail: what curl wrote into the handle's error buffer.
    init(_ result: CURLcode, detail: String) {
        let text = detail.isEmpty ? String(cString: curl_easy_strerror(result)) : detail
        self.init(code: Code(result), message: text)
    }
}

extension HTTPClientError.Code {
    fileprivate init(_ result: CURLcode) {
        switch result {
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: self = .resolve
        case CURLE_COULDNT_CONNECT, CURLE_SEND_ERROR, CURLE_RECV_ERROR: self = .connect
        case CURLE_OPERATION_TIMEDOUT: self = .timeout
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CERTPROBLEM,
            CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_INVALIDCERTSTATUS,
            CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_SHUTDOWN_FAILED:
            self = .tls
        case CURLE_UNSUPPORTED_PROTOCOL, CURLE_URL_MALFORMAT, CURLE_WEIRD_SERVER_REPLY, CURLE_GOT_NOTHING,
            CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_TOO_MANY_REDIRECTS, CURLE_BAD_CONTENT_ENCODING:
            self = .protocolError
        default: self = .other
        }
    }
}
