/// Names of pods and their labels: how what runs is told from everything else in podman's storage.
struct PodName: Sendable, Hashable, CustomStringConvertible {
    /// What podman makes names of hosts from (RFC 1123).
    static let limit = 63

    let description: String

    /// `NAMESPACE-DEPLOYMENT-r12-0`; too long a beginning is cut, and a fingerprint keeps it one of a kind.
    init(namespace: String, workload: String, release: Int64, suffix: String) {
        // A Deployment's name may hold dots, a host's may not.
        let beginning = "\(namespace)-\(workload)".replacing(".", with: "-")
        let end = "-r\(release)-\(suffix)"
        let room = Self.limit - end.utf8.count
        if beginning.utf8.count <= room {
            description = beginning + end
        } else {
            let mark = Fingerprint.text(Fingerprint.of("\(namespace)\u{0}\(workload)")).prefix(8)
            description = "\(beginning.prefix(max(1, room - mark.count - 1)))-\(mark)\(end)"
        }
    }

    init(known: String) { description = known }

    /// podman's name of a container in it.
    func container(_ name: String) -> String { "\(description)-\(name)" }
}

/// Labels of our pods.
enum PodLabel {
    static let environment = "fairlead.environment"
    static let release = "fairlead.release"
    /// The Deployment or Job.
    static let workload = "fairlead.workload"
    /// `serve`, or `once` for what runs to its end.
    static let role = "fairlead.role"
    /// Seconds from SIGTERM to SIGKILL, 10 at most.
    static let grace = "fairlead.grace"
    /// Fingerprint of what the pod was made from: a pod of the same release with another one is half-made or foreign.
    static let body = "fairlead.body"
}
