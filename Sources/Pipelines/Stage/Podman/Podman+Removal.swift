import Glibc

extension Podman {
    /// Ends and deletes everything that lives in the folder: pods, containers, networks with their rules, images, mounts
    /// and the folder itself. For the end of a demo and of a test. What cannot be removed is left out quietly as long as
    /// the folder goes.
    ///
    /// - Throws: `StageError` (errored, `podman-remove`) if the folder is still there.
    public func removeAll() async throws {
        guard SmallFile.exists(folder) else { return }
        guard remote == nil else { return try await removeElsewhere() }
        for arguments in [["pod", "rm", "-f", "-a", "-t", "0"], ["rm", "-f", "-a", "-t", "0"]] {
            _ = try? await capture(arguments, deadline: .seconds(60))
        }
        try? await sweepBuilds()
        for network in PodmanNetwork.all(in: folder) {
            _ = try? await capture(["network", "rm", "-f", network.name], deadline: .seconds(30))
            Bridge.remove(network.interface)
            try? await NetworkFirewall(network: network, allow: []).remove(children)
        }
        unmountAll()
        SmallFile.remove(folder)
        SmallFile.remove(runFolder)
        if SmallFile.exists(folder) {
            throw StageError(.errored, "podman-remove", "\(folder) cannot be removed: something in it is still in use")
        }
    }

    /// What is ours at a podman elsewhere: the builds and their network. Images stay: others may build on them.
    private func removeElsewhere() async throws {
        try await sweepBuilds()
        let network = try await remoteBuildNetwork()
        try await NetworkFirewall(network: network, allow: []).remove(RemoteHost(self))
        _ = try await lines(["network", "rm", "--force", network.name])
        SmallFile.remove(folder)
    }

    /// Deepest first. Fields of /proc/self/mountinfo: the fifth is the mount point, with octal escapes.
    private func unmountAll() {
        let points = (SmallFile.text("/proc/self/mountinfo") ?? "").split(separator: "\n").compactMap {
            line -> String? in
            let fields = line.split(separator: " ")
            guard fields.count > 4 else { return nil }
            let point = fields[4].replacing("\\040", with: " ")
            return [folder, runFolder].contains { point.hasPrefix($0 + "/") } ? String(point) : nil
        }
        for point in points.sorted(by: { $0.utf8.count > $1.utf8.count }) { umount2(point, Int32(MNT_DETACH)) }
    }
}

/// A network bridge of the kernel.
enum Bridge {
    /// SIOCBRDELBR of <linux/sockios.h>, which Glibc's module lacks.
    private static let deleteBridge: UInt = 0x89a1

    /// Removes it if it is there; containers on it must be gone. (netavark removes it with the last container, unless
    /// that one was killed.)
    static func remove(_ name: String) {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0, name.utf8.count < Int(IFNAMSIZ) else { return }
        defer { close(descriptor) }
        var request = ifreq()
        withUnsafeMutableBytes(of: &request.ifr_ifrn) { $0.copyBytes(from: name.utf8) }
        // Down first: a bridge that is up is busy (netdevice(7)).
        guard ioctl(descriptor, UInt(SIOCGIFFLAGS), &request) == 0 else { return }
        request.ifr_ifru.ifru_flags &= ~Int16(IFF_UP)
        _ = ioctl(descriptor, UInt(SIOCSIFFLAGS), &request)
        var text = Array(name.utf8CString)
        _ = ioctl(descriptor, deleteBridge, &text)
    }
}
