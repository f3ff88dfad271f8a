import CCurl
import Glibc

/// One request on its way: curl's handle and what has come back so far.
///
/// Sendable because `request`, `configuration` and `sink` never change, `isCancelled` is touched under the loop's lock,
/// and everything else on the loop's thread only.
final class Transfer: @unchecked Sendable {
    enum Sink {
        case collect
        case stream(
            onHead: @Sendable (HTTPResponse) throws -> Void,
            onBytes: @Sendable ([UInt8]) throws -> Void
        )
    }

    /// Enough for any honest server; curl itself has no limit for all headers together.
    static let maxHeaderBytes = 256 << 10

    let request: HTTPRequest
    let configuration: HTTPClient.Configuration
    private let sink: Sink

    var isCancelled = false

    private(set) var easy: UnsafeMutableRawPointer?
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private let errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))

    private var head = ResponseHead()
    private var body: [UInt8] = []
    /// Why a callback stopped curl, which only says that one did.
    private var failure: (any Error)?
    /// The last address that the policy refused. Another one of the same name may have been connected to.
    private var refusedAddress: String?

    init(_ request: HTTPRequest, _ configuration: HTTPClient.Configuration, sink: Sink) {
        self.request = request
        self.configuration = configuration
        self.sink = sink
        errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        freeHandle()
        errorText.deallocate()
    }

    /// A handle with every option set. It points to this object: keep both for the same time.
    func makeHandle() throws(HTTPClientError) -> UnsafeMutableRawPointer {
        guard let easy = curl_easy_init() else {
            throw HTTPClientError(code: .other, message: "no memory for a request")
        }
        self.easy = easy
        do {
            headerList = try TransferOptions(easy).set(request, configuration)
            try setCallbacks(TransferOptions(easy))
        } catch {
            freeHandle()
            throw error
        }
        return easy
    }

    /// Not while the handle is in a multi handle.
    func freeHandle() {
        if let easy { curl_easy_cleanup(easy) }
        curl_slist_free_all(headerList)
        easy = nil
        headerList = nil
    }

    func end(_ result: CURLcode) -> Result<HTTPResponse, any Error> {
        if let failure { return .failure(failure) }
        if result == CURLE_OK {
            // To curl, a connection that ends between two headers has ended them.
            guard head.isComplete else {
                let message = "the connection ended within the headers of the answer"
                return .failure(HTTPClientError(code: .protocolError, message: message))
            }
            return .success(response(body: body))
        }
        // Only if no other address would do either.
        if let refusedAddress, result == CURLE_COULDNT_CONNECT {
            let message = "the address \(refusedAddress) is link-local or a metadata service: not allowed here"
            return .failure(HTTPClientError(code: .refusedAddress, message: message))
        }
        var error = HTTPClientError(result, detail: String(cString: errorText))
        error.isUnsent = sentBytes == 0
        return .failure(error)
    }

    private func setCallbacks(_ options: TransferOptions) throws(HTTPClientError) {
        let context = Unmanaged.passUnretained(self).toOpaque()
        try options.pointer(CURLOPT_ERRORBUFFER, errorText)
        try options.pointer(CURLOPT_HEADERDATA, context)
        try options.check(
            ccurl_set_data_callback(options.easy, CURLOPT_HEADERFUNCTION) { bytes, _, count, context in
                Transfer.from(context).receive(bytes, count) { try $0.receiveHeader($1) }
            }
        )
        try options.pointer(CURLOPT_WRITEDATA, context)
        try options.check(
            ccurl_set_data_callback(options.easy, CURLOPT_WRITEFUNCTION) { bytes, _, count, context in
                Transfer.from(context).receive(bytes, count) { try $0.receiveBody($1) }
            }
        )
        try options.pointer(CURLOPT_OPENSOCKETDATA, context)
        try options.check(
            ccurl_set_open_socket(options.easy) { context, _, address in
                Transfer.from(context).openSocket(address!)
            }
        )
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer {
        Unmanaged<Transfer>.fromOpaque(context!).takeUnretainedValue()
    }
}

// MARK: - What curl calls

extension Transfer {
    /// What curl wants to hear: the number of bytes, or another one if it shall stop.
    private func receive(
        _ bytes: UnsafeMutablePointer<CChar>?,
        _ count: Int,
        _ step: (Transfer, UnsafeRawBufferPointer) throws -> Void
    ) -> Int {
        do {
            try step(self, UnsafeRawBufferPointer(start: bytes, count: count))
            return count
        } catch {
            failure = error
            return count == 0 ? 1 : 0
        }
    }

    private func receiveHeader(_ line: UnsafeRawBufferPointer) throws {
        guard head.byteCount + line.count <= Self.maxHeaderBytes else {
            throw HTTPClientError(code: .tooLarge, message: "the response's headers are longer than 256 KB")
        }
        guard head.receive(line), isFinal else { return }
        switch sink {
        case .collect:
            guard request.method != "HEAD", let count = head.contentLength else { return }
            try checkSize(count)
            body.reserveCapacity(count)
        case .stream(let onHead, _): try onHead(response(body: []))
        }
    }

    private func receiveBody(_ bytes: UnsafeRawBufferPointer) throws {
        switch sink {
        case .collect:
            try checkSize(body.count + bytes.count)
            body.append(contentsOf: bytes)
        case .stream(_, let onBytes): try onBytes(Array(bytes))
        }
    }

    private func checkSize(_ count: Int) throws {
        guard count <= request.maxResponseBytes else {
            let message = "the response's body is longer than \(request.maxResponseBytes) bytes"
            throw HTTPClientError(code: .tooLarge, message: message)
        }
    }

    /// Children of this program shall not inherit the socket, which curl would not see to.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>) -> curl_socket_t {
        let start = UnsafeRawPointer(address) + MemoryLayout<curl_sockaddr>.offset(of: \.addr)!
        let remote = IPAddress(start.assumingMemoryBound(to: sockaddr.self))
        if request.addressPolicy.refuses(remote) {
            refusedAddress = remote?.description ?? "of an unknown family"
            return ccurl_socket_bad
        }
        let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.pointee.family, type, address.pointee.protocol)
        noticeVanishedPeer(descriptor)
        return descriptor
    }

    /// Without a word from the other end's machine, neither to what we send nor to the questions of the keep-alive, the
    /// connection is over after half a minute: the next request would wait on it in vain, and many share one in HTTP/2.
    private func noticeVanishedPeer(_ descriptor: Int32) {
        let options: [(level: Int32, name: Int32, value: Int32)] = [
            (SOL_SOCKET, SO_KEEPALIVE, 1), (Int32(IPPROTO_TCP), TCP_KEEPIDLE, 15),
            (Int32(IPPROTO_TCP), TCP_KEEPINTVL, 5),
            (Int32(IPPROTO_TCP), TCP_KEEPCNT, 3), (Int32(IPPROTO_TCP), TCP_USER_TIMEOUT, 30_000),
        ]
        for (level, name, value) in options {
            withUnsafeBytes(of: value) { _ = setsockopt(descriptor, level, name, $0.baseAddress, socklen_t($0.count)) }
        }
    }

    /// Of requests, over all redirects; what TLS says is none.
    private var sentBytes: Int {
        var count = 0
        if let easy { ccurl_get_long(easy, CURLINFO_REQUEST_SIZE, &count) }
        return count
    }

    private var status: Int {
        var status = 0
        if let easy { ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &status) }
        return status
    }

    /// Neither an interim response nor one whose redirect curl will follow.
    private var isFinal: Bool {
        let status = status
        if (100..<200).contains(status) { return false }
        return !((300..<400).contains(status) && request.followsRedirects && head.hasLocation)
    }

    private func response(body: [UInt8]) -> HTTPResponse {
        var microseconds: curl_off_t = 0
        var remote: UnsafePointer<CChar>?
        if let easy {
            ccurl_get_offset(easy, CURLINFO_TOTAL_TIME_T, &microseconds)
            ccurl_get_string(easy, CURLINFO_PRIMARY_IP, &remote)
        }
        return HTTPResponse(
            status: status,
            headers: head.headers,
            body: body,
            duration: .microseconds(microseconds),
            remoteAddress: remote.map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 },
            certificateExpiry: request.wantsCertificate ? easy.flatMap(certificateExpiry) : nil
        )
    }
}
