/// An image that a Dockerfile builds on or copies from.
struct BaseImage: Sendable, Equatable {
    /// As podman is told: `docker.io/library/alpine:3.20`, `alpine`, `localhost/x`.
    let reference: String

    /// Where podman takes images from besides registries. They name files and services of this machine, which are not a
    /// repository's to read.
    private static let transports = [
        "atomic", "containers-storage", "dir", "docker-archive", "docker-daemon", "oci", "oci-archive", "ostree", "sif",
        "tarball",
    ]

    /// - Parameter registries: see `fault`.
    /// - Throws: `StageError` (failed, `base-image-refused`) if a repository has no business with it.
    init(_ text: String, image: String, registries: [String]) throws {
        reference = text.begins(with: "docker://") ? String(text.dropFirst(9)) : text
        if let fault = Self.fault(reference, registries: registries) {
            throw StageError(.failed, "base-image-refused", "image \(image): \(fault)")
        }
    }

    /// Why a repository has no business with an image; nil if it may be asked for.
    ///
    /// - Parameter registries: those that the operator named, `host` or `host:port`, which may be on this machine or its
    ///   private network. With a path behind it, only what lies below it.
    static func fault(_ reference: String, registries: [String]) -> String? {
        if reference.utf8.contains(UInt8(ascii: "$")) {
            return "what \"\(reference)\" means cannot be told before the build; in FROM use an ARG that stands before "
                + "the first FROM, in plain letters, and in --from no variable"
        }
        let lower = reference.lowercased()
        if transports.contains(where: { lower.begins(with: "\($0):") }) || reference.begins(with: "/")
            || reference.begins(with: ".") || reference.begins(with: "-") || reference.holds("://")
        {
            return "\"\(reference)\" is not in a registry; FROM and --from take images from registries only"
        }
        // podman finds any image of this machine by the beginning of its id.
        if lower.begins(with: "sha256:") || lower.utf8.allSatisfy({ $0.isDigit || "abcdef".utf8.contains($0) }) {
            return
                "\"\(reference)\" could be the id of somebody's image on this machine; write its registry and its tag"
        }
        guard let host = host(of: reference) else { return nil }
        let known = registries.filter { $0 == host || $0.begins(with: "\(host)/") }
        if known.isEmpty, isOnThisMachineOrNear(host) {
            return
                "\(host) is an address of this machine or of a private network, and not a registry that the server knows"
        }
        if !known.isEmpty, !known.contains(where: { $0 == host || reference.begins(with: "\($0)/") }) {
            return
                "\"\(reference)\" is an image of another pipeline; take one of this pipeline, or from another registry"
        }
        return nil
    }

    /// The registry, `host` or `host:port`, if the reference names one.
    var host: String? { Self.host(of: reference) }

    private static func host(of reference: String) -> String? {
        guard let first = reference.split(separator: "/").first, reference.contains("/") else { return nil }
        return first.contains(".") || first.contains(":") || first == "localhost" ? String(first) : nil
    }

    /// Made here, in no registry.
    var isLocal: Bool { host == "localhost" }

    /// Names one content for ever.
    var isPinned: Bool { reference.contains("@sha256:") }

    private static func isOnThisMachineOrNear(_ host: String) -> Bool {
        let host = host.lowercased()
        // Without a port it is what podman calls images that were built here.
        if host == "localhost" { return false }
        if host.begins(with: "[") { return true }
        let name = host.parts(at: ":")[0]
        guard let address = IPv4Range(String(name)) else {
            let last = name.parts(at: ".").last { !$0.isEmpty } ?? ""
            // 127.1, 0x7f000001 and 0 are addresses to the system's resolver.
            return last == "localhost" || last.utf8.first?.isDigit == true
        }
        return NetworkFirewall.blocked.compactMap { IPv4Range($0) }.contains { $0.overlaps(address) }
    }
}
