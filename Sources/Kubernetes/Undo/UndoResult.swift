/// What came of an undo.
public struct UndoResult: Sendable, Hashable {
    public enum Status: String, Sendable, Codable {
        /// All is as it was, and ready.
        case undone
        /// Something was left or is not ready; the sentence names it.
        case incomplete
        /// The time was over.
        case timedOut = "timed-out"
    }

    /// An object that is not as it was.
    public struct Left: Sendable, Hashable {
        public var id: ObjectID
        /// Words that follow its name: "was changed meanwhile by kubectl-edit (spec.replicas)".
        public var reason: String
    }

    public var status: Status
    public var putBack: [ObjectID] = []
    public var deleted: [ObjectID] = []
    /// Named, and not touched.
    public var left: [Left] = []
    /// What was put back and is not ready again; one sentence each.
    public var unready: [String] = []
    /// For which there was no time.
    public var unreached = 0

    /// For people.
    public var sentence: String {
        var parts: [String] = []
        if !putBack.isEmpty { parts.append("\(plural(putBack.count, "object")) put back") }
        if !deleted.isEmpty { parts.append("\(plural(deleted.count, "new object")) deleted") }
        var text = parts.isEmpty ? "nothing had to be undone" : parts.joined(separator: ", ")
        for item in left { text += "; \(item.id) \(item.reason)" }
        for item in unready { text += "; \(item)" }
        if status == .timedOut { text += "; the time was over with \(plural(unreached, "object")) still to do" }
        return text
    }
}
