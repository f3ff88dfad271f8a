import HTTPServer
import Kubernetes

/// One request and who makes it.
struct Call {
    var request: Request
    var user: String

    func query(_ name: String) -> String? { request.query.first { $0.name == name }?.value }

    func isSet(_ name: String) -> Bool { ["1", "true"].contains(query(name) ?? "") }

    func duration(_ name: String) -> Duration? { query(name).flatMap { Int($0) }.map { .seconds($0) } }

    var isWatch: Bool { isSet("watch") }

    var isWrite: Bool { ["POST", "PUT", "PATCH", "DELETE"].contains(request.method) }

    var contentType: String {
        let type = request.header("Content-Type") ?? "application/json"
        return String(type.prefix { $0 != ";" })
    }

    /// The name under which plain writes own fields: given, or the first part of the user agent.
    var manager: String {
        query("fieldManager") ?? String((request.header("User-Agent") ?? "unknown").prefix { $0 != "/" })
    }

    /// - Throws: ``Failure`` for anything but `All`.
    func isDryRun() throws -> Bool {
        guard let value = query("dryRun"), !value.isEmpty else { return false }
        guard value == "All" else {
            let kinds = ["POST": "CreateOptions", "PUT": "UpdateOptions", "DELETE": "DeleteOptions"]
            let message = "Unsupported value: [\"\(value)\"]: supported values: \"All\""
            let cause = Cause(reason: "FieldValueNotSupported", field: "dryRun", message: message)
            throw Failure.invalidOptions(kinds[request.method] ?? "PatchOptions", cause)
        }
        return true
    }

    /// The body as an object.
    func object() throws -> JSON {
        guard
            ["application/json", "application/yaml"].contains(contentType) || contentType.hasSuffix("+json")
                || contentType.hasSuffix("+yaml")
        else {
            throw Failure(
                code: 415,
                reason: "UnsupportedMediaType",
                message: "the body of the request was in an unknown format - accepted media types include: "
                    + "application/json, application/yaml"
            )
        }
        return try Document.object(request.body)
    }
}
