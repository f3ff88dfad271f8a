/// What is written down of one object: before it is touched, what it was; afterwards, what it became. That is all that
/// undo needs.
public struct JournalEntry: Sendable, Hashable {
    /// In the order of the release. An entry replaces an earlier one with the same number.
    public var seq: Int
    public var id: ObjectID
    /// The whole object as it was, with who owned what; nil if there was none.
    public var before: JSON?
    /// What is sent.
    public var sent: JSON
    /// The whole object as it is now; nil until that is known.
    public var after: JSON?

    public init(seq: Int, id: ObjectID, before: JSON?, sent: JSON, after: JSON? = nil) {
        self.seq = seq
        self.id = id
        self.before = before
        self.sent = sent
        self.after = after
    }

    /// Whether there is something to undo, as far as is known.
    var changedSomething: Bool {
        guard let before, let after else { return true }
        return before.uid != after.uid || before.resourceVersion != after.resourceVersion
    }
}

extension JournalEntry {
    /// As it is kept.
    public var json: JSON {
        var members: [String: JSON] = [
            "seq": .integer(Int64(seq)), "apiVersion": .string(id.apiVersion), "kind": .string(id.kind),
            "name": .string(id.name), "sent": sent,
        ]
        members["namespace"] = id.namespace.map(JSON.string)
        members["before"] = before
        members["after"] = after
        return .object(members)
    }

    /// - Returns: nil if it is no entry.
    public init?(json: JSON) {
        guard let seq = json["seq"]?.integer, let apiVersion = json["apiVersion"]?.string,
            let kind = json["kind"]?.string, let name = json["name"]?.string, let sent = json["sent"]
        else { return nil }
        let id = ObjectID(apiVersion: apiVersion, kind: kind, namespace: json["namespace"]?.string, name: name)
        self.init(seq: Int(seq), id: id, before: json["before"], sent: sent, after: json["after"])
    }
}

/// Keeps an entry. It is awaited before the object is touched: an error keeps it from being touched.
public typealias Journal = @Sendable (JournalEntry) async throws -> Void

/// Writes down what became of objects while the next ones are applied: until it is known, an undo finds that out by
/// itself.
actor JournalOutcomes {
    private let journal: Journal
    private var writing: [Task<Void, any Error>] = []

    init(_ journal: @escaping Journal) { self.journal = journal }

    func write(_ entry: JournalEntry) { writing.append(Task { try await journal(entry) }) }

    /// Waits until all is written.
    ///
    /// - Throws: the first error of the journal.
    func finish() async throws {
        var failure: (any Error)?
        for task in writing {
            do { try await task.value } catch { failure = failure ?? error }
        }
        writing = []
        if let failure { throw failure }
    }
}
