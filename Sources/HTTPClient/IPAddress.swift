import Glibc

/// An IP address in network byte order: 4 or 16 bytes.
struct IPAddress: Equatable, CustomStringConvertible {
    let bytes: [UInt8]

    /// Nil for another family than IPv4 and IPv6.
    init?(_ address: UnsafePointer<sockaddr>) {
        let start = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let offset = MemoryLayout<sockaddr_in>.offset(of: \.sin_addr)!
            bytes = Array(UnsafeRawBufferPointer(start: start + offset, count: 4))
        case AF_INET6:
            let offset = MemoryLayout<sockaddr_in6>.offset(of: \.sin6_addr)!
            bytes = Array(UnsafeRawBufferPointer(start: start + offset, count: 16))
        default: return nil
        }
    }

    /// Text as `inet_pton` takes it; a zone behind an IPv6 address is ignored.
    init?(_ text: String) {
        let text = String(text.prefix { $0 != "%" })
        var four = in_addr()
        var sixteen = in6_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = withUnsafeBytes(of: four) { Array($0) }
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            bytes = withUnsafeBytes(of: sixteen) { Array($0) }
        } else {
            return nil
        }
    }

    private init(_ bytes: [UInt8]) { self.bytes = bytes }

    var description: String {
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        _ = inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes, &text, socklen_t(text.count))
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    var isLinkLocalOrMetadata: Bool {
        if bytes.count == 4 { return Self.refusedIPv4.contains { $0.contains(bytes) } }
        if let carried = carriedIPv4 { return carried.isLinkLocalOrMetadata }
        return Self.refusedIPv6.contains { $0.contains(bytes) }
    }

    /// The IPv4 address that a packet to this IPv6 address may end at.
    private var carriedIPv4: IPAddress? {
        let loopback = [UInt8](repeating: 0, count: 15) + [1]
        guard bytes != loopback else { return nil }
        // IPv4-compatible (RFC 4291, 2.5.5.1), IPv4-mapped (2.5.5.2) and NAT64 (RFC 6052, RFC 8215).
        let prefixes = ["::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"].map { AddressRange($0)! }
        if prefixes.contains(where: { $0.contains(bytes) }) { return IPAddress(Array(bytes[12...])) }
        // 6to4 (RFC 3056).
        if bytes.starts(with: [0x20, 0x02]) { return IPAddress(Array(bytes[2..<6])) }
        return nil
    }

    /// Ranges from IANA's special-purpose registries, and what the clouds document for their metadata services:
    /// 169.254.169.254 nearly everywhere, 100.100.100.200 Alibaba, 168.63.129.16 Azure, 192.0.0.192 Oracle.
    private static let refusedIPv4 = [
        "0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32", "100.100.100.200/32", "168.63.129.16/32",
        "192.0.0.192/32",
    ].map { AddressRange($0)! }

    /// fd00:ec2::254 is Amazon's metadata service, fd20:ce::254 Google's.
    private static let refusedIPv6 = [
        "fe80::/10", "ff00::/8", "fd00:ec2::254/128", "fd20:ce::254/128",
    ].map { AddressRange($0)! }
}

private struct AddressRange {
    let address: IPAddress
    let prefixLength: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/")
        guard parts.count == 2, let address = IPAddress(String(parts[0])), let prefixLength = Int(parts[1]) else {
            return nil
        }
        self.address = address
        self.prefixLength = prefixLength
    }

    func contains(_ bytes: [UInt8]) -> Bool {
        guard bytes.count == address.bytes.count else { return false }
        return bytes.indices.allSatisfy { index in
            let bits = min(max(prefixLength - 8 * index, 0), 8)
            let mask = bits == 0 ? 0 : UInt8(truncatingIfNeeded: 0xff << (8 - bits))
            return bytes[index] & mask == address.bytes[index] & mask
        }
    }
}
