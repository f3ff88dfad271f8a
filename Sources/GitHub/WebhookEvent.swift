/// What a webhook is about.
public enum WebhookEvent: Sendable, Equatable {
    case push(PushEvent)
    /// GitHub's test of a new webhook.
    case ping(hookID: Int?, zen: String?)
    /// An event that is not read, with its name.
    case other(String)
}

/// Decodes a webhook whose signature was checked.
///
/// - Parameters:
///   - event: the `X-GitHub-Event` header.
///   - contentType: the `Content-Type` header: `application/json`, or `application/x-www-form-urlencoded` with the JSON
///     in a field `payload`.
///   - body: as it was signed. Of an event that is not read, it is not looked at.
/// - Throws: ``UnsupportedContentType`` or ``PayloadError``.
public func decodeWebhook(event: String, contentType: String?, body: [UInt8]) throws -> WebhookEvent {
    let format = try BodyFormat(contentType: contentType)
    switch event {
    case "push":
        return .push(try withJSONObject(format.json(in: body), PushField.self, PushEvent.init))
    case "ping":
        return try withJSONObject(format.json(in: body), PingField.self) { fields in
            .ping(hookID: try fields.optionalInteger(.hookID).map { Int($0) }, zen: try fields.optionalString(.zen))
        }
    default:
        return .other(event)
    }
}

private enum PingField: String, FieldName {
    case hookID = "hook_id"
    case zen

    static let keys = FieldKeys(Self.self)
}
