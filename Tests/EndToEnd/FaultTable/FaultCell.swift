import Testing

/// One cell of the table: what goes wrong with whom, in which stage, and how a run ends that meets it.
struct FaultCell: Sendable, CustomTestStringConvertible {
    enum Peer: String, Sendable, CaseIterable {
        case git = "git host"
        case registry
        case cluster = "API server"
    }

    /// What a run of the cell does.
    enum Course: Sendable {
        /// It ends so; when the fault is over, the run that is run again from the stage succeeds.
        case ends(_ status: String, _ reason: String)
        /// The fault passes, or does not matter: the run succeeds, and the stage's log tells what it had to do.
        case succeeds(log: String)
    }

    let peer: Peer
    let stage: String
    let fault: PeerFault
    let course: Course
    /// What the pushed commit changes.
    let change: Change

    enum Change: Sendable {
        /// Nothing, so that images are used again.
        case nothing
        /// What is built.
        case text
        /// The base image, to one that was never pulled.
        case base
    }

    var testDescription: String {
        let line = fault.line.isEmpty ? "" : " at \(fault.line)"
        let times = fault.times == .max ? "" : ", \(fault.times)×"
        return "\(peer.rawValue), \(stage): \(fault.action)\(line)\(times)"
    }
}
