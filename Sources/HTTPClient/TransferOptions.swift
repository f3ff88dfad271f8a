import CCurl

/// The options of one of curl's handles.
struct TransferOptions {
    let easy: UnsafeMutableRawPointer

    init(_ easy: UnsafeMutableRawPointer) {
        self.easy = easy
    }

    /// Sets all but the callbacks.
    ///
    /// - Returns: the list of headers, to be freed after the handle.
    func set(
        _ request: HTTPRequest,
        _ configuration: HTTPClient.Configuration
    ) throws(HTTPClientError) -> UnsafeMutablePointer<curl_slist>? {
        try setLimits(request)
        try setTrust(configuration)
        try setClientCertificate(configuration)
        try setProxy(request, configuration)
        try setTarget(request)
        if request.wantsCertificate {
            try long(CURLOPT_CERTINFO, 1)
            try long(CURLOPT_FRESH_CONNECT, 1)
        }
        try setBody(request)
        try string(CURLOPT_USERAGENT, configuration.userAgent)
        let headers = try headerList(request)
        do {
            try pointer(CURLOPT_HTTPHEADER, headers)
        } catch {
            curl_slist_free_all(headers)
            throw error
        }
        return headers
    }

    func check(_ result: CURLcode) throws(HTTPClientError) {
        guard result == CURLE_OK else { throw HTTPClientError(result, detail: "") }
    }

    func long(_ option: CURLoption, _ value: Int) throws(HTTPClientError) {
        try check(ccurl_set_long(easy, option, value))
    }

    func string(_ option: CURLoption, _ value: String?) throws(HTTPClientError) {
        try check(ccurl_set_string(easy, option, value))
    }

    func pointer(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) throws(HTTPClientError) {
        try check(ccurl_set_pointer(easy, option, value))
    }

    private func setLimits(_ request: HTTPRequest) throws(HTTPClientError) {
        try long(CURLOPT_NOSIGNAL, 1)
        // Else ending a transfer would wait, and with it all others, until the resolver's thread has its answer.
        try long(CURLOPT_QUICK_EXIT, 1)
        if let deadline = request.deadline { try long(CURLOPT_TIMEOUT_MS, clamped(deadline.milliseconds)) }
        try long(CURLOPT_CONNECTTIMEOUT_MS, clamped(request.connectTimeout.milliseconds))
        if request.freshConnection { try long(CURLOPT_FRESH_CONNECT, 1) }
        if let idleTimeout = request.idleTimeout {
            try long(CURLOPT_LOW_SPEED_LIMIT, 1)
            try long(CURLOPT_LOW_SPEED_TIME, clamped((idleTimeout.milliseconds + 999) / 1_000))
        }
    }

    private func setTrust(_ configuration: HTTPClient.Configuration) throws(HTTPClientError) {
        try long(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        guard configuration.caPEM != nil || configuration.caFile != nil else { return }
        // Debian's curl also looks into a folder of certificates.
        try string(CURLOPT_CAPATH, nil)
        try string(CURLOPT_CAINFO, configuration.caPEM == nil ? configuration.caFile : nil)
        if let pem = configuration.caPEM { try check(ccurl_set_blob(easy, CURLOPT_CAINFO_BLOB, pem, pem.count)) }
    }

    private func setClientCertificate(_ configuration: HTTPClient.Configuration) throws(HTTPClientError) {
        guard let (certificate, key) = configuration.clientCertificate.map({ ($0.certificatePEM, $0.keyPEM) }) else {
            return
        }
        try check(ccurl_set_blob(easy, CURLOPT_SSLCERT_BLOB, certificate, certificate.count))
        try check(ccurl_set_blob(easy, CURLOPT_SSLKEY_BLOB, key, key.count))
    }

    private func setProxy(
        _ request: HTTPRequest,
        _ configuration: HTTPClient.Configuration
    ) throws(HTTPClientError) {
        switch request.addressPolicy == .any ? configuration.proxy : .none {
        // Empty, not absent: else curl looks into the environment.
        case .none: try string(CURLOPT_PROXY, "")
        case .environment: break
        case .url(let url): try string(CURLOPT_PROXY, url)
        }
    }

    private func setTarget(_ request: HTTPRequest) throws(HTTPClientError) {
        try string(CURLOPT_URL, request.url)
        try string(CURLOPT_PROTOCOLS_STR, "http,https")
        let isSecure = request.url.prefix(6).lowercased() == "https:"
        try string(CURLOPT_REDIR_PROTOCOLS_STR, isSecure ? "https" : "http,https")
        if request.followsRedirects {
            try long(CURLOPT_FOLLOWLOCATION, 1)
            try long(CURLOPT_MAXREDIRS, request.followRedirects)
        }
    }

    private func setBody(_ request: HTTPRequest) throws(HTTPClientError) {
        // Without a body these methods still announce one of no bytes (RFC 9110, 8.6).
        let body = request.body ?? (["POST", "PUT", "PATCH"].contains(request.method) ? [] : nil)
        if let body {
            try long(CURLOPT_POST, 1)
            try check(ccurl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
            let copied = body.withUnsafeBytes { bytes in
                // Null would mean that a callback reads it.
                bytes.isEmpty
                    ? ccurl_set_string(easy, CURLOPT_COPYPOSTFIELDS, "")
                    : ccurl_set_string(easy, CURLOPT_COPYPOSTFIELDS, bytes.bindMemory(to: CChar.self).baseAddress)
            }
            try check(copied)
        }
        switch (request.method, body) {
        case ("HEAD", _): try long(CURLOPT_NOBODY, 1)
        case ("GET", nil), ("POST", _): break
        default: try string(CURLOPT_CUSTOMREQUEST, request.method)
        }
    }

    private func headerList(_ request: HTTPRequest) throws(HTTPClientError) -> UnsafeMutablePointer<curl_slist>? {
        // Without a value curl leaves out what it would add: no waiting for "100 Continue", no form.
        var lines = ["Expect:"]
        if !request.headers.contains(where: { $0.0.lowercased() == "content-type" }) { lines.append("Content-Type:") }
        // A semicolon is curl's way to send a header with an empty value.
        lines += request.headers.map { $0.1.isEmpty ? "\($0.0);" : "\($0.0): \($0.1)" }
        var list: UnsafeMutablePointer<curl_slist>?
        for line in lines {
            guard let longer = curl_slist_append(list, line) else {
                curl_slist_free_all(list)
                throw HTTPClientError(code: .other, message: "no memory for a request")
            }
            list = longer
        }
        return list
    }

    /// At least 1, because 0 means no limit, and at most what every `long` of curl's takes: 24 days in milliseconds.
    private func clamped(_ number: Int64) -> Int {
        Int(min(max(number, 1), Int64(Int32.max)))
    }
}
