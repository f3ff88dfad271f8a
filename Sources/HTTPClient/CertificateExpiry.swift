import CCurl

/// When the certificate ends that the server showed in its handshake, in seconds since 1970 UTC.
func certificateExpiry(_ easy: UnsafeMutableRawPointer) -> Int64? {
    var chain: UnsafeMutablePointer<curl_certinfo>?
    guard ccurl_get_certificates(easy, &chain) == CURLE_OK, let chain = chain?.pointee, chain.num_of_certs > 0 else {
        return nil
    }
    // The server's own comes first (RFC 8446, 4.4.2). Its lines are "name:value".
    let prefix = "Expire date:"
    var line = chain.certinfo[0]
    while let entry = line {
        let text = String(cString: entry.pointee.data)
        if text.hasPrefix(prefix) { return secondsSince1970(text.dropFirst(prefix.count)) }
        line = entry.pointee.next
    }
    return nil
}

/// As OpenSSL prints times: `Nov 24 06:19:28 2027 GMT`.
func secondsSince1970(_ text: some StringProtocol) -> Int64? {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    let parts = text.split(separator: " ")
    guard parts.count == 5, parts[4] == "GMT", let month = months.firstIndex(of: String(parts[0])),
        let day = Int64(parts[1]), let year = Int64(parts[3])
    else { return nil }
    let time = parts[2].split(separator: ":").compactMap { Int64($0) }
    guard time.count == 3 else { return nil }
    // Years from 1 March on, so that the leap day comes last; 400 of them have 146,097 days.
    let shifted = Int64((month + 10) % 12)
    let marchYear = year - (month < 2 ? 1 : 0)
    let days =
        marchYear * 365 + marchYear / 4 - marchYear / 100 + marchYear / 400 + (153 * shifted + 2) / 5 + day - 1
        - 719_468
    return days * 86_400 + time[0] * 3600 + time[1] * 60 + time[2]
}
