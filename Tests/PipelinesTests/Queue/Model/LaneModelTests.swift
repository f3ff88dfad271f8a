import Pipelines
import Testing

/// Every history of a lane up to 4 pushes and 2 crashes, with what operators do in between.
@Suite("The lane's rules")
struct LaneModelTests {
    @Test(
        "In every state one run at a time; what is over stays so; and from every state the newest push is reached",
        arguments: [
            (Definition.OnPush.latest, Definition.Hold.untilResumed), (.latest, .untilNextPush),
            (.queue, .untilResumed),
        ]
    )
    func exhaustive(_ onPush: Definition.OnPush, _ hold: Definition.Hold) throws {
        let first = Bounded(model: LaneModel(onPush: onPush, hold: hold))
        var seen: Set<Bounded> = [first]
        var frontier = [first]
        while let state = frontier.popLast() {
            try #require(state.model.runs.filter { $0.status == .running }.count <= 1)
            try requireAnEnd(state.model)
            for event in state.events {
                let next = state.after(event)
                try requireNoWayBack(from: state.model, to: next.model, event)
                if seen.insert(next).inserted { frontier.append(next) }
            }
        }
        #expect(seen.count > 1000, "\(seen.count) states")
    }

    /// A run that is over is over, unless somebody runs it again.
    private func requireNoWayBack(from model: LaneModel, to next: LaneModel, _ event: LaneModel.Event) throws {
        if case .rerun = event { return }
        for (one, other) in zip(model.runs, next.runs) where one.status.isFinal {
            try #require(one == other, "\(event) changed a run that was over: \(model)")
        }
    }

    /// Whatever has happened: let through again, every run comes to an end with a reason, and the newest push is not one of
    /// those that gave way.
    private func requireAnEnd(_ model: LaneModel) throws {
        var model = model
        for _ in 0..<2 * model.runs.count + 2 {
            model.apply(.resume)
            model.apply(.claim)
            model.apply(.succeed)
        }
        try #require(model.runs.filter { !$0.status.isFinal }.isEmpty, "a run never ends: \(model)")
        for (index, run) in model.runs.enumerated() where run.status == .superseded {
            let successor = try #require(run.supersededBy)
            try #require(successor > index + 1, "\(model)")
            try #require(model[successor].kind == .push && model.onPush != .queue, "\(model)")
        }
        // What gave way to a run that an operator cancelled then is not taken up again: the cancel was meant for the head.
        if let newest = model.runs.last(where: { $0.kind == .push && !$0.isCancelRequested }) {
            let hasGivenWay = newest.supersededBy.map { !model[$0].isCancelRequested } ?? false
            try #require(!hasGivenWay, "the newest push gave way to nothing: \(model)")
        }
    }
}

/// A state, and how much has happened so far of what shall not happen more often.
private struct Bounded: Hashable {
    var model: LaneModel
    /// What operators did.
    private var interventions = 0

    init(model: LaneModel) { self.model = model }

    var events: [LaneModel.Event] {
        model.events.filter { event in
            switch event {
            case .push: model.runs.filter { $0.kind == .push }.count < 4
            case .crash: model.epoch < 3
            default: interventions < 1 || !event.isIntervention
            }
        }
    }

    func after(_ event: LaneModel.Event) -> Bounded {
        var next = self
        next.model.apply(event)
        if event.isIntervention { next.interventions += 1 }
        return next
    }
}

extension LaneModel.Event {
    /// Its end is none: what somebody has paused or held may go on at any time.
    fileprivate var isIntervention: Bool {
        switch self {
        case .pin, .cancel, .pause, .rollBack, .rerun: true
        default: false
        }
    }
}
