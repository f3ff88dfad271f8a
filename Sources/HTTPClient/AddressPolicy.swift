/// Which addresses a request may connect to. Checked on the address itself when a connection is opened, and connections
/// of requests with another policy are not used, so that neither names nor redirects get around it.
public enum AddressPolicy: Sendable, Equatable {
    case any
    /// No link-local, unspecified, multicast or broadcast address, and none at which a cloud hands out its machines'
    /// credentials; nor an IPv6 address that carries one of those (IPv4-mapped, IPv4-compatible, NAT64, 6to4).
    /// Loopback and private addresses are allowed. Such a request does not go through a proxy: nobody could tell where
    /// the proxy connects to.
    case refuseLinkLocalAndMetadata

    /// Whether this IP address, as text and without brackets, is refused. So is what is no IP address at all, unless
    /// everything is allowed.
    public func refuses(_ address: String) -> Bool {
        switch self {
        case .any: false
        case .refuseLinkLocalAndMetadata: IPAddress(address)?.isLinkLocalOrMetadata ?? true
        }
    }

    func refuses(_ address: IPAddress?) -> Bool {
        switch self {
        case .any: false
        case .refuseLinkLocalAndMetadata: address?.isLinkLocalOrMetadata ?? true
        }
    }
}
