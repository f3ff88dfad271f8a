/// Cells of one peer and one stage.
struct FaultRow: Sendable {
    private let peer: FaultCell.Peer
    private let stage: String
    private let change: FaultCell.Change
    private var fault = PeerFault(.refuse)

    init(_ peer: FaultCell.Peer, _ stage: String, change: FaultCell.Change = .text) {
        (self.peer, self.stage, self.change) = (peer, stage, change)
    }

    /// The same, with faults of these requests alone: see `PeerFault`.
    func at(_ line: String, skip: Int = 0, thenAll: Bool = false) -> FaultRow {
        var row = self
        row.fault = PeerFault(.refuse, line, skip: skip, thenAll: thenAll)
        return row
    }

    /// The run errors for this reason.
    func errored(_ code: String, _ actions: PeerFault.Action...) -> [FaultCell] {
        actions.map { cell($0, .ends("errored", code)) }
    }

    /// The run fails for this reason.
    func failed(_ code: String, _ actions: PeerFault.Action...) -> [FaultCell] {
        actions.map { cell($0, .ends("failed", code)) }
    }

    /// The run succeeds all the same, and the stage's log has these words.
    func passes(_ action: PeerFault.Action, times: Int = .max, log: String = "") -> [FaultCell] {
        [cell(action, times: times, .succeeds(log: log))]
    }

    private func cell(_ action: PeerFault.Action, times: Int = .max, _ course: FaultCell.Course) -> FaultCell {
        var fault = fault
        fault.action = action
        fault.times = times
        return FaultCell(peer: peer, stage: stage, fault: fault, course: course, change: change)
    }
}
