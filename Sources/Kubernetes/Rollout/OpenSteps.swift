/// The objects that are being applied, and what each of them waits for: what to say if the time is over before they are.
actor OpenSteps {
    private var open: [(id: ObjectID, state: String)] = []

    func begin(_ id: ObjectID) { note(id, "waits for the cluster's answer") }

    /// - Parameter state: words that follow its name.
    func note(_ id: ObjectID, _ state: String) {
        if let place = open.firstIndex(where: { $0.id == id }) {
            open[place].state = state
        } else {
            open.append((id, state))
        }
    }

    func end(_ id: ObjectID) { open.removeAll { $0.id == id } }

    var failure: RolloutFailure {
        let reason = open.isEmpty ? "the cluster has not answered" : named(open.map { "\($0.id) \($0.state)" })
        return RolloutFailure(.deadline, "not applied when the time was over: \(reason)", isVerdict: false)
    }
}
