/// The address and the port that the server listens on.
public struct ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// An IPv4 address, an IPv6 address without brackets, or `localhost`.
    public var host: String
    /// 0: any free port.
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `127.0.0.1:8080`, `[::1]:8080` or `localhost:8080`.
    public init?(_ text: String) {
        guard Self.fault(in: text) == nil, let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")),
            let port = plainNumber(text[text.index(after: colon)...])
        else { return nil }
        let host = text[..<colon]
        self.init(host: String(host.begins(with: "[") ? host.dropFirst().dropLast() : host), port: port)
    }

    /// Only this machine can connect.
    public var isLoopback: Bool {
        host == "localhost" || host == "::1" || (isIPv4(host) && host.begins(with: "127."))
    }

    /// With brackets around an IPv6 address.
    public var description: String { host.holds(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// What is wrong with the text of an address, or nil.
    static func fault(in text: String) -> String? {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else {
            return plainNumber(text) != nil
                ? "write the address too: 127.0.0.1:\(text)" : "the port is missing: \(text):8080"
        }
        let host = text[..<colon]
        let port = text[text.index(after: colon)...]
        if isIPv6(text) { return "put brackets around an IPv6 address: [\(text)]:8080" }
        guard let number = plainNumber(port), number <= 65_535 else { return "a port is a number from 0 to 65535" }
        if host.isEmpty {
            return
                "write the address too: 127.0.0.1\(text) for this machine alone, 0.0.0.0\(text) or [::]\(text) for all"
        }
        if host.utf8.elementsEqual("localhost".utf8) || isIPv4(host) { return nil }
        if host.begins(with: "["), host.ends(with: "]"), isIPv6(host.dropFirst().dropLast()) { return nil }
        if host.holds(":") { return "put brackets around an IPv6 address: [::1]:8080" }
        return "write an IP address, or localhost"
    }
}
