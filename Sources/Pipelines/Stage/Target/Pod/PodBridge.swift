import Glibc

/// The bridge that pods are on. It is there from the first pod to the last.
///
/// Linux gives a bridge the lowest hardware address of its ports unless somebody set one, so with every pod that comes
/// or goes it may change (netavark 1.4 sets none). The other pods still send to the old address until they ask
/// again, half a minute later, and meanwhile nobody hears them. Set once, to what it is, it stays.
struct PodBridge: Sendable {
    let interface: String

    /// <linux/sockios.h>, parts of which Glibc's module lacks.
    private static let readAddress: UInt = 0x8927
    private static let setAddress: UInt = 0x8924

    var exists: Bool { SmallFile.exists("/sys/class/net/\(interface)") }

    /// Whether the address stays: NET_ADDR_SET of <linux/netdevice.h>.
    var isPinned: Bool {
        SmallFile.text("/sys/class/net/\(interface)/addr_assign_type")?.trimmingWhitespace == "3"
    }

    /// Makes the address that it has the one that it keeps. Nothing if there is no bridge.
    ///
    /// - Throws: `StageError` (errored, `network-failed`).
    func pin() throws {
        guard exists, !isPinned else { return }
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var request = ifreq()
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: interface.utf8.prefix(Int(IFNAMSIZ) - 1)) }
        guard ioctl(descriptor, Self.readAddress, &request) == 0, ioctl(descriptor, Self.setAddress, &request) == 0
        else {
            throw failure()
        }
    }

    private func failure() -> StageError {
        StageError(
            .errored,
            "network-failed",
            "The address of the bridge \(interface) cannot be set: \(String(cString: strerror(errno)))"
        )
    }
}
