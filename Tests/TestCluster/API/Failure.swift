import HTTPServer
import Kubernetes

/// What the API server refuses, as the Status object that it answers with. The words are those of the real one, because
/// clients show them.
struct Failure: Error {
    var code: Int
    var reason: String
    var message: String
    var details: JSON?
    var headers: [(String, String)] = []

    var status: JSON {
        var status: JSON = [
            "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Failure", "message": .string(message),
            "code": .integer(Int64(code)),
        ]
        if !reason.isEmpty { status.set(["reason"], .string(reason)) }
        if let details { status.set(["details"], details) }
        return status
    }

    var response: Response { .json(status.bytes, status: code, headers: headers) }
}

extension Failure {
    static let unauthorized = Failure(code: 401, reason: "Unauthorized", message: "Unauthorized")
    static let noSuchResource = Failure(
        code: 404,
        reason: "NotFound",
        message: "the server could not find the requested resource",
        details: [:]
    )

    static func badRequest(_ message: String) -> Failure {
        Failure(code: 400, reason: "BadRequest", message: message)
    }

    static func notFound(_ resource: Resource, _ name: String) -> Failure {
        Failure(
            code: 404,
            reason: "NotFound",
            message: "\(resource.key) \"\(name)\" not found",
            details: details(resource, name)
        )
    }

    static func alreadyExists(_ resource: Resource, _ name: String) -> Failure {
        Failure(
            code: 409,
            reason: "AlreadyExists",
            message: "\(resource.key) \"\(name)\" already exists",
            details: details(resource, name)
        )
    }

    static func conflict(_ resource: Resource, _ name: String, _ why: String = Failure.modified) -> Failure {
        Failure(
            code: 409,
            reason: "Conflict",
            message: "Operation cannot be fulfilled on \(resource.key) \"\(name)\": \(why)",
            details: details(resource, name)
        )
    }

    /// A precondition of a deletion; it names the kind, not the resource.
    static func precondition(_ resource: Resource, _ name: String, _ why: String) -> Failure {
        Failure(
            code: 409,
            reason: "Conflict",
            message: "Operation cannot be fulfilled on \(resource.kind) \"\(name)\": \(why)",
            details: ["kind": .string(resource.kind), "name": .string(name)]
        )
    }

    static let modified =
        "the object has been modified; please apply your changes to the latest version and try again"

    static func forbidden(_ resource: Resource, _ name: String, _ why: String) -> Failure {
        Failure(
            code: 403,
            reason: "Forbidden",
            message: "\(resource.key) \(name.isEmpty ? "" : "\"\(name)\" ")is forbidden: \(why)",
            details: details(resource, name)
        )
    }

    static func expired(_ revision: Int64, oldest: Int64) -> Failure {
        Failure(code: 410, reason: "Expired", message: "too old resource version: \(revision) (\(oldest))")
    }

    static func invalid(_ resource: Resource, _ name: String, _ causes: [Cause]) -> Failure {
        let list = causes.map(\.text)
        let all = list.count == 1 ? list[0] : "[\(list.joined(separator: ", "))]"
        var details: JSON = ["kind": .string(resource.kind)]
        if !name.isEmpty { details.set(["name"], .string(name)) }
        if !resource.group.isEmpty { details.set(["group"], .string(resource.group)) }
        details.set(["causes"], .array(causes.map(\.json)))
        return Failure(
            code: 422,
            reason: "Invalid",
            message: "\(resource.groupKind) \"\(name)\" is invalid: \(all)",
            details: details
        )
    }

    /// Of the query.
    static func invalidOptions(_ kind: String, _ cause: Cause) -> Failure {
        Failure(
            code: 422,
            reason: "Invalid",
            message: "\(kind).meta.k8s.io \"\" is invalid: \(cause.text)",
            details: ["group": "meta.k8s.io", "kind": .string(kind), "causes": [cause.json]]
        )
    }

    static func applyConflict(_ conflicts: [FieldManager.Conflict]) -> Failure {
        let causes: [JSON] = conflicts.map {
            [
                "reason": "FieldManagerConflict", "message": .string("conflict with \($0.manager)"),
                "field": .string($0.path),
            ]
        }
        var message = "Apply failed with \(conflicts.count) conflict\(conflicts.count == 1 ? "" : "s"): "
        if conflicts.count == 1 {
            message += "conflict with \(conflicts[0].manager): \(conflicts[0].path)"
        } else {
            var lines: [String] = []
            for manager in Set(conflicts.map(\.manager)).sorted() {
                lines.append("conflicts with \(manager):")
                lines += conflicts.filter { $0.manager == manager }.map { "- \($0.path)" }
            }
            message += lines.joined(separator: "\n")
        }
        return Failure(code: 409, reason: "Conflict", message: message, details: ["causes": .array(causes)])
    }

    private static func details(_ resource: Resource, _ name: String) -> JSON {
        var details: JSON = ["kind": .string(resource.plural)]
        if !name.isEmpty { details.set(["name"], .string(name)) }
        if !resource.group.isEmpty { details.set(["group"], .string(resource.group)) }
        return details
    }
}

/// Why one field of an object is refused.
struct Cause {
    var reason: String
    var field: String
    var message: String

    var text: String { "\(field): \(message)" }
    var json: JSON { ["reason": .string(reason), "message": .string(message), "field": .string(field)] }

    static func required(_ field: String, _ detail: String = "") -> Cause {
        Cause(
            reason: "FieldValueRequired",
            field: field,
            message: detail.isEmpty ? "Required value" : "Required value: \(detail)"
        )
    }

    static func invalid(_ field: String, _ value: JSON, _ detail: String) -> Cause {
        Cause(reason: "FieldValueInvalid", field: field, message: "Invalid value: \(value.text): \(detail)")
    }

    static func forbidden(_ field: String, _ detail: String) -> Cause {
        Cause(reason: "FieldValueForbidden", field: field, message: "Forbidden: \(detail)")
    }

    static func unsupported(_ field: String, _ value: String, _ allowed: [String]) -> Cause {
        let list = allowed.map { "\"\($0)\"" }.joined(separator: ", ")
        return Cause(
            reason: "FieldValueNotSupported",
            field: field,
            message: "Unsupported value: \"\(value)\": supported values: \(list)"
        )
    }

    static func duplicate(_ field: String, _ value: JSON) -> Cause {
        Cause(reason: "FieldValueDuplicate", field: field, message: "Duplicate value: \(value.text)")
    }
}
