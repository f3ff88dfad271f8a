import HTTPServer
import Kubernetes

/// Something that goes wrong, and with which requests.
public struct Fault: Sendable {
    public enum Action: Sendable {
        /// 429 with Retry-After in seconds.
        case tooManyRequests(retryAfter: Int)
        /// Any status, as a Status object.
        case status(Int, reason: String, message: String)
        /// A page, as a proxy in between would send it.
        case html(Int)
        /// Never answered.
        case silence
        /// Answered late.
        case delay(Duration)
        /// Carried out only after a while, also if nobody waits for the answer any more.
        case stalled(Duration)
        /// The answer breaks off after its head; a change is made.
        case cut
        /// A watch whose connection breaks after so many events.
        case drop(afterEvents: Int)
        case deniedByWebhook(name: String, message: String)
        case quotaExceeded(String)
        /// 410 to a list, an ERROR event to a watch.
        case gone
    }

    public var action: Action
    /// How many requests that match pass before it strikes.
    public var skip: Int
    /// How often it strikes then.
    public var times: Int
    let matches: @Sendable (LoggedRequest) -> Bool

    /// - Parameter matches: which requests are meant; everyone where nothing is said.
    public init(
        _ action: Action,
        skip: Int = 0,
        times: Int = 1,
        matches: @escaping @Sendable (LoggedRequest) -> Bool = { _ in true }
    ) {
        self.action = action
        self.skip = skip
        self.times = times
        self.matches = matches
    }

    /// Strikes requests by method and by a part of their path.
    public init(_ action: Action, _ method: String, _ path: String, skip: Int = 0, times: Int = 1) {
        self.init(action, skip: skip, times: times) { $0.method == method && $0.path.contains(path) }
    }

    /// Strikes the k-th request that would change something, counted from 1.
    public static func atWrite(_ k: Int, _ action: Action) -> Fault {
        Fault(action, skip: k - 1) { $0.isWrite }
    }
}

/// A fault that waits, and how often it has seen its requests.
struct ArmedFault {
    var fault: Fault
    var seen = 0
    var struck = 0

    /// Counts a request that matches.
    mutating func strikes(_ request: LoggedRequest) -> Bool {
        guard fault.matches(request) else { return false }
        seen += 1
        guard seen > fault.skip, struck < fault.times else { return false }
        struck += 1
        return true
    }
}

extension Cluster {
    /// What strikes this request, if anything. Every fault counts it.
    mutating func fault(for request: LoggedRequest) -> Fault.Action? {
        var action: Fault.Action?
        for index in faults.indices where faults[index].strikes(request) {
            action = action ?? faults[index].fault.action
        }
        return action
    }
}

extension Fault.Action {
    /// The answer, where it is one and does not depend on the request.
    func failure(_ route: Route?) -> Failure? {
        switch self {
        case .tooManyRequests(let seconds):
            return Failure(
                code: 429,
                reason: "TooManyRequests",
                message: "the server has received too many requests and has asked us to try again later",
                details: ["retryAfterSeconds": .integer(Int64(seconds))],
                headers: [("Retry-After", String(seconds))]
            )
        case .status(let code, let reason, let message):
            return Failure(code: code, reason: reason, message: message)
        case .deniedByWebhook(let name, let message):
            return Failure(
                code: 400,
                reason: "",
                message: "admission webhook \"\(name)\" denied the request: \(message)"
            )
        case .quotaExceeded(let quota):
            guard let route else { return nil }
            let why = "exceeded quota: \(quota), requested: pods=1, used: pods=4, limited: pods=4"
            return .forbidden(route.resource, route.name ?? "", why)
        default: return nil
        }
    }
}
