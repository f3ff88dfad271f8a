import TodoCommon

/// A task, as it is kept and as the API shows it.
typealias TodoTask = TaskSnapshot

extension TaskSnapshot {
    /// Its entity tag (RFC 9110, 8.8.3): another version is another one.
    var etag: String { "\"\(version)\"" }
}

/// What a client may say about a task; absent fields stay as they are.
struct TaskInput: Sendable, Equatable {
    static let notesLimit = 2000

    /// Of a new task only: a client that chooses it can ask again after a lost answer without making two.
    var id: String?
    var title: String?
    var notes: String?
    var completed: Bool?

    init() {}

    /// Reads a body.
    /// - Parameter isNew: a title is needed and an id allowed.
    /// - Throws: ``Problem``: 400 where it is no JSON object, 422 with every fault of its fields.
    init(_ body: [UInt8], isNew: Bool) throws {
        guard let fields = try? JSON.decode([String: JSONField].self, from: body) else {
            throw Problem.badRequest("the body must be a JSON object")
        }
        var errors: [Problem.FieldError] = []
        let allowed = isNew ? ["id", "title", "notes"] : ["title", "notes", "completed"]
        for name in fields.keys.sorted() where !allowed.contains(name) {
            errors.append(.init(name, "is not known here; known are \(allowed.joined(separator: ", "))"))
        }
        if isNew { id = Self.id(fields["id"], &errors) }
        title = Self.title(fields["title"], isNeeded: isNew, &errors)
        notes = Self.text("notes", fields["notes"], limit: Self.notesLimit, mayBreak: true, &errors)
        if !isNew, let value = fields["completed"] {
            if case .bool(let flag) = value {
                completed = flag
            } else {
                errors.append(.init("completed", "must be true or false"))
            }
        }
        guard errors.isEmpty else { throw Problem.invalid(errors) }
    }

    private static func id(_ value: JSONField?, _ errors: inout [Problem.FieldError]) -> String? {
        guard let value else { return nil }
        guard case .text(let text) = value, Identifier.isValid(text) else {
            errors.append(.init("id", "must be a UUID in lower case"))
            return nil
        }
        return text
    }

    private static func title(
        _ value: JSONField?,
        isNeeded: Bool,
        _ errors: inout [Problem.FieldError]
    ) -> String? {
        guard value != nil || !isNeeded else {
            errors.append(.init("title", "is missing"))
            return nil
        }
        guard let text = text("title", value, limit: TaskSnapshot.titleLimit, mayBreak: false, &errors) else {
            return nil
        }
        guard text.contains(where: { !$0.isWhitespace }) else {
            errors.append(.init("title", "must not be empty"))
            return nil
        }
        return text
    }

    private static func text(
        _ name: String,
        _ value: JSONField?,
        limit: Int,
        mayBreak: Bool,
        _ errors: inout [Problem.FieldError]
    ) -> String? {
        guard let value else { return nil }
        guard case .text(let text) = value else {
            errors.append(.init(name, "must be a text"))
            return nil
        }
        guard text.unicodeScalars.count <= limit else {
            errors.append(.init(name, "must have at most \(limit) characters"))
            return nil
        }
        let isFine = text.unicodeScalars.allSatisfy { scalar in
            scalar.value >= 0x20 && scalar.value != 0x7f || mayBreak && (scalar == "\n" || scalar == "\t")
        }
        guard isFine else {
            errors.append(.init(name, "must not hold control characters"))
            return nil
        }
        return text
    }
}
