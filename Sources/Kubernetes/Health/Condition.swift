/// One entry of `status.conditions` (API conventions, "Typical status properties").
struct Condition: Sendable, Hashable {
    enum Status: String, Sendable {
        case isTrue = "True"
        case isFalse = "False"
        case unknown = "Unknown"
    }

    let type: String
    let status: Status
    let reason: String
    let message: String
    /// The generation that the condition speaks of, where its writer says so.
    let observedGeneration: Int64?
    /// When its writer last wrote it, whichever of the customary fields says so.
    let time: String?

    init?(_ json: JSON) {
        guard let type = json["type"]?.string else { return nil }
        self.type = type
        status = json["status"]?.string.flatMap(Status.init) ?? .unknown
        reason = json["reason"]?.string ?? ""
        message = json["message"]?.string ?? ""
        observedGeneration = json["observedGeneration"]?.integer
        time = json["lastUpdateTime"]?.string ?? json["lastTransitionTime"]?.string
    }

    /// Reason and message as one line for people.
    var text: String {
        let words = message.isEmpty ? reason : message
        return oneLine(words.isEmpty ? "\(type) is \(status.rawValue)" : words)
    }
}

extension JSON {
    /// The conditions that speak of the object's present generation.
    var conditions: [Condition] {
        (self[["status", "conditions"]]?.items ?? []).compactMap(Condition.init).filter {
            $0.observedGeneration.map { $0 >= generation } ?? true
        }
    }

    func condition(_ type: String) -> Condition? { conditions.first { $0.type == type } }
}
