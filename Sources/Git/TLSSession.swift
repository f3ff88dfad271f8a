import CGit2
import COpenSSL
import Glibc

/// TLS 1.2 or 1.3 on a socket, with the certificate checked against the system's authorities (and those of one more
/// file) and against the host's name or address.
final class TLSSession {
    private let socket: Socket
    private let host: String
    private let session: OpaquePointer

    init(socket: Socket, host: String, caFile: String?) throws(GitError) {
        self.socket = socket
        self.host = host
        session = try Self.makeSession(host: host, caFile: caFile)
        SSL_set_fd(session, socket.descriptor)
        try handshake()
    }

    deinit { SSL_free(session) }

    private static func makeSession(host: String, caFile: String?) throws(GitError) -> OpaquePointer {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw failure("cannot set TLS up") }
        // The session keeps what it needs of the context.
        defer { SSL_CTX_free(context) }
        fairlead_ssl_ctx_require_tls12(context)
        SSL_CTX_set_default_verify_paths(context)
        if let caFile, SSL_CTX_load_verify_locations(context, caFile, nil) != 1 {
            throw GitError(.certificate, "the file of certificate authorities, \(caFile), cannot be read")
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        guard let session = SSL_new(context) else { throw failure("cannot set TLS up") }
        let isAddress = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1
        if !isAddress, SSL_set1_host(session, host) != 1 || fairlead_ssl_set_server_name(session, host) != 1 {
            SSL_free(session)
            throw GitError(.certificate, "\(host) is not a name that a certificate can be checked against")
        }
        return session
    }

    private func handshake() throws(GitError) {
        while true {
            ERR_clear_error()
            let status = SSL_connect(session)
            if status == 1 { return }
            if try waited(after: status) { continue }
            let verdict = SSL_get_verify_result(session)
            guard verdict == Int(X509_V_OK) else {
                let why = String(cString: X509_verify_cert_error_string(verdict))
                throw GitError(.certificate, "the certificate of \(host) is not trusted: \(why)")
            }
            throw Self.failure("the TLS handshake with \(host) failed")
        }
    }

    /// Reads what is there, waiting for the first byte; 0 when the far side has closed.
    func read(into buffer: UnsafeMutableRawPointer, count: Int) throws(GitError) -> Int {
        while true {
            ERR_clear_error()
            let got = SSL_read(session, buffer, Int32(clamping: count))
            if got > 0 { return Int(got) }
            if SSL_get_error(session, got) == SSL_ERROR_ZERO_RETURN { return 0 }
            guard try waited(after: got) else { throw Self.failure("cannot read from \(host) over TLS") }
        }
    }

    /// Writes at least one byte and returns how many.
    func write(_ buffer: UnsafeRawPointer, count: Int) throws(GitError) -> Int {
        while true {
            ERR_clear_error()
            let sent = SSL_write(session, buffer, Int32(clamping: count))
            if sent > 0 { return Int(sent) }
            guard try waited(after: sent) else { throw Self.failure("cannot write to \(host) over TLS") }
        }
    }

    /// Tells the far side that nothing follows; its answer is not waited for.
    func shutDown() {
        ERR_clear_error()
        SSL_shutdown(session)
        ERR_clear_error()
    }

    /// Waits where the last call only wants the socket to be ready; false when it has failed.
    private func waited(after status: Int32) throws(GitError) -> Bool {
        switch SSL_get_error(session, status) {
        case SSL_ERROR_WANT_READ: try socket.wait(for: POLLIN)
        case SSL_ERROR_WANT_WRITE: try socket.wait(for: POLLOUT)
        default: return false
        }
        return true
    }

    private static func failure(_ doing: String) -> GitError {
        let number = ERR_get_error()
        let why =
            number == 0 ? "the connection was closed" : ERR_reason_error_string(number).map { String(cString: $0) }
        return GitError(.network, "\(doing): \(why ?? "error \(number)")")
    }
}
