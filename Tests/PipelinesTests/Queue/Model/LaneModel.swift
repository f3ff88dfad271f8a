import Pipelines

/// The rules of one lane, without a database: what is to happen to its runs, whatever happens to the server.
///
/// One pipeline, one branch. A run's number is its place, counted from 1.
struct LaneModel: Hashable {
    enum Kind: Hashable {
        case push
        /// A revision that somebody asked for.
        case pinned
        /// The run whose release is applied again.
        case rollback(Int)
    }

    struct Run: Hashable {
        var kind: Kind
        var status = RunStatus.queued
        var supersededBy: Int?
        var isCancelRequested = false
        var epoch = 0
        var hasReleased = false
        /// Has come to an end once.
        var hasBegun = false
        /// Somebody has run it again.
        var isRerun = false

        /// It has its turn: nothing leaps over it.
        var isPinned: Bool { kind == .pinned || isRerun }
    }

    enum Event: Hashable {
        case push, pin, claim
        /// The running run comes to its end.
        case succeed, fail
        case cancel(Int)
        /// The server dies, and another one starts.
        case crash
        case pause
        /// Pause and hold are to end.
        case resume
        case rollBack(Int)
        case rerun(Int)
    }

    let onPush: Definition.OnPush
    let hold: Definition.Hold
    private(set) var runs: [Run] = []
    private(set) var epoch = 1
    private(set) var isPaused = false
    /// Rollbacks that hold, oldest first.
    private(set) var holds: [Int] = []
    /// The run whose release was deployed last, and the run that made it.
    private(set) var live: (run: Int, origin: Int)?

    init(onPush: Definition.OnPush, hold: Definition.Hold) {
        self.onPush = onPush
        self.hold = hold
    }

    subscript(number: Int) -> Run {
        get { runs[number - 1] }
        set { runs[number - 1] = newValue }
    }

    var running: Int? { numbers { $0.status == .running }.first }
    var queued: [Int] { numbers { $0.status == .queued } }

    private func numbers(_ condition: (Run) -> Bool) -> [Int] {
        runs.indices.filter { condition(runs[$0]) }.map { $0 + 1 }
    }

    // MARK: - What may happen

    /// Everything that can happen now.
    var events: [Event] {
        var events: [Event] = [.push, .pin, .claim, .crash, .pause, .resume]
        if running != nil { events += [.succeed, .fail] }
        events += numbers { !$0.status.isFinal && !$0.isCancelRequested }.map(Event.cancel)
        events += numbers { $0.hasReleased }.filter(mayRollBack).map(Event.rollBack)
        events += numbers { $0.status.isFinal && $0.status != .superseded }.filter(mayRerun).map(Event.rerun)
        return events
    }

    /// Only the newest run of the lane, but for those that were cancelled before they began.
    private func mayRerun(_ number: Int) -> Bool {
        runs[number...].allSatisfy { $0.status == .superseded || ($0.status.isFinal && !$0.hasBegun) }
    }

    private func mayRollBack(to number: Int) -> Bool {
        if let held = holds.last, !self[held].status.isFinal { return false }
        return live.map { $0.origin != origin(number) } ?? true
    }

    /// The run that made what this one has deployed.
    private func origin(_ number: Int) -> Int {
        if case .rollback(let target) = self[number].kind { target } else { number }
    }

    // MARK: - What follows

    mutating func apply(_ event: Event) {
        switch event {
        case .push: runs.append(Run(kind: .push))
        case .pin: runs.append(Run(kind: .pinned))
        case .claim: claim()
        case .succeed: end(.succeeded)
        case .fail: end(.failed)
        case .cancel(let number): cancel(number)
        case .crash: epoch += 1
        case .pause: isPaused = true
        case .rollBack(let number):
            runs.append(Run(kind: .rollback(origin(number))))
            holds.append(runs.count)
        case .resume:
            isPaused = false
            if let held = holds.last, self[held].status.isFinal { holds = [] }
        case .rerun(let number): rerun(number)
        }
    }

    private mutating func claim() {
        if let running {
            self[running].epoch = epoch
            return
        }
        guard !isPaused else { return }
        if let held = holds.last {
            if self[held].status == .queued { return begin(held) }
            let isLetThrough = queued.contains { $0 > held && self[$0].kind == .push }
            guard hold == .untilNextPush, isLetThrough else { return }
            holds = []
        }
        guard let head = queued.first else { return }
        guard !self[head].isPinned, onPush != .queue else { return begin(head) }
        let leap = queued.prefix { !self[$0].isPinned }
        for number in leap.dropLast() {
            self[number].status = .superseded
            self[number].supersededBy = leap.last
        }
        begin(leap.last!)
    }

    private mutating func begin(_ number: Int) {
        self[number].status = .running
        self[number].epoch = epoch
    }

    private mutating func end(_ status: RunStatus) {
        guard let number = running else { return }
        self[number].hasBegun = true
        self[number].status = self[number].isCancelRequested ? .cancelled : status
        if self[number].status == .succeeded {
            live = (number, origin(number))
            self[number].hasReleased = true
        }
        settle(number)
    }

    private mutating func cancel(_ number: Int) {
        self[number].isCancelRequested = true
        guard self[number].status == .queued else { return }
        self[number].status = .cancelled
        settle(number)
    }

    private mutating func rerun(_ number: Int) {
        self[number].status = .queued
        self[number].isCancelRequested = false
        self[number].epoch = 0
        self[number].isRerun = true
        if case .rollback = self[number].kind, !holds.contains(number) { holds.append(number) }
    }

    /// A rollback that is deployed is the only one that holds; one that is not holds nothing.
    private mutating func settle(_ number: Int) {
        guard holds.contains(number) else { return }
        holds = self[number].status == .succeeded ? [number] : holds.filter { $0 != number }
    }
}

extension LaneModel {
    static func == (one: LaneModel, other: LaneModel) -> Bool {
        one.runs == other.runs && one.epoch == other.epoch && one.isPaused == other.isPaused
            && one.holds == other.holds && one.live?.run == other.live?.run
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(runs)
        hasher.combine(epoch)
        hasher.combine(isPaused)
        hasher.combine(holds)
    }
}
