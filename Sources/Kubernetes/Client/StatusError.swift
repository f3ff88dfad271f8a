import HTTPClient

// What an API server's refusals mean. Its codes and reasons are in the API conventions ("Response Status Kind"); where
// they do not tell things apart that a person has to treat differently, the wording does, which is as old as the API.

extension KubernetesError {
    /// Nil if the response is a success.
    ///
    /// - Parameter subject: what was asked for, to begin the sentence with: `Deployment web`.
    init?(_ response: HTTPResponse, subject: String) {
        guard !(200..<300).contains(response.status) else { return nil }
        let seconds = response.header("retry-after").flatMap { Int64($0) }
        if let status = try? JSON(parsing: response.body), status.kind == "Status" {
            self.init(status: status, httpStatus: response.status, subject: subject)
        } else if response.isHTML {
            self = .notKubernetes(response, subject: subject)
        } else {
            let text = String(decoding: response.body.prefix(300), as: UTF8.self).split(whereSeparator: \.isNewline)
            let status: JSON = ["message": .string(text.joined(separator: " "))]
            self.init(status: status, httpStatus: response.status, subject: subject)
        }
        if let seconds { retryAfter = .seconds(min(max(seconds, 0), 3_600)) }
    }

    /// - Parameter status: an object of kind Status; what is missing in it does no harm.
    init(status: JSON, httpStatus: Int?, subject: String) {
        let reason = status["reason"]?.string ?? ""
        let text = status["message"]?.string ?? ""
        let http = httpStatus ?? status["code"]?.integer.map { Int(clamping: $0) } ?? 0
        let causes = text.unfitField.map { [$0] } ?? (status[["details", "causes"]]?.items ?? []).map(Cause.init(_:))
        let conflicts = causes.filter { $0.reason == "FieldManagerConflict" }.map { cause in
            Conflict(manager: cause.message.quoted(by: "\"") ?? cause.message, field: cause.field)
        }
        let code = Code(reason: reason, httpStatus: http, text: text)
        let isImmutable = code == .invalid && (causes.map(\.message) + [text]).contains(where: \.tellsOfImmutableField)
        let told = Told(
            subject: subject,
            text: text,
            http: http,
            causes: causes,
            conflicts: conflicts,
            isImmutable: isImmutable
        )
        self.init(code, told.sentence(code))
        self.httpStatus = http == 0 ? nil : http
        self.reason = reason
        self.causes = causes
        self.conflicts = conflicts
        deniedBy = text.namedWebhook
        isImmutableField = isImmutable
        retryAfter = status[["details", "retryAfterSeconds"]]?.integer.map { .seconds(min(max($0, 0), 3_600)) }
    }

    /// For an answer that no API server gives, of whatever status.
    static func notKubernetes(_ response: HTTPResponse, subject: String) -> KubernetesError {
        let what = response.isHTML ? "HTML" : "no JSON"
        let start = String(decoding: response.body.prefix(80), as: UTF8.self).split(whereSeparator: \.isWhitespace)
        var error = KubernetesError(
            .notKubernetes,
            "\(subject): the server answers \(what) (HTTP \(response.status), “\(start.joined(separator: " "))”): "
                + "this address is not that of a Kubernetes API server, or a proxy answers in its place"
        )
        error.httpStatus = response.status
        return error
    }
}

extension KubernetesError.Cause {
    fileprivate init(_ cause: JSON) {
        let field = cause["field"]?.string ?? ""
        self.init(
            // The whole object.
            field: field == "[]" ? "" : field,
            reason: cause["reason"]?.string ?? "",
            message: cause["message"]?.string ?? ""
        )
    }
}

extension HTTPResponse {
    var isHTML: Bool {
        header("content-type")?.lowercased().contains("html") == true
            || body.first { $0 > 0x20 } == UInt8(ascii: "<")
    }
}

extension KubernetesError.Code {
    fileprivate init(reason: String, httpStatus: Int, text: String) {
        if text.contains("exceeded quota") || text.contains("failed quota") {
            self = .quotaExceeded
            return
        }
        if text.namedWebhook != nil && !text.contains("failed calling webhook") {
            self = .admissionDenied
            return
        }
        if text.unfitField != nil {
            self = .invalid
            return
        }
        switch reason {
        case "AlreadyExists": self = .alreadyExists
        case "Expired", "Gone": self = .gone
        case "Invalid": self = .invalid
        case "Timeout": self = .timeout
        default: self.init(httpStatus: httpStatus)
        }
    }

    private init(httpStatus: Int) {
        switch httpStatus {
        case 401: self = .unauthorized
        case 403: self = .forbidden
        case 404: self = .notFound
        case 409: self = .conflict
        case 410: self = .gone
        case 413: self = .tooLarge
        case 422: self = .invalid
        case 429: self = .tooManyRequests
        case 504: self = .timeout
        case 400..<500: self = .badRequest
        // A redirect: API servers send none.
        case 300..<400: self = .notKubernetes
        default: self = .serverError
        }
    }
}

/// What there is to make a sentence of.
private struct Told {
    let subject: String
    let text: String
    let http: Int
    let causes: [KubernetesError.Cause]
    let conflicts: [KubernetesError.Conflict]
    let isImmutable: Bool

    func sentence(_ code: KubernetesError.Code) -> String {
        let said = text.isEmpty ? "HTTP \(http)" : text
        return switch code {
        case .unauthorized:
            "\(subject): the cluster does not accept our credentials (401): they have expired, were revoked, or belong to "
                + "another cluster"
        case .forbidden: "\(subject): not allowed: \(said)"
        case .conflict where !conflicts.isEmpty:
            "\(subject): \(owned); leave the fields out of the manifest, or apply with force to take them over"
        case .invalid where isImmutable:
            "\(subject): a field cannot be changed on an existing object (\(details)): delete the object first, or give "
                + "the new one another name"
        case .invalid: "\(subject): not valid: \(details)"
        case .quotaExceeded: "\(subject): the namespace's quota does not allow it: \(said)"
        case .admissionDenied: "\(subject): refused by \(text.namedWebhook ?? "an admission rule"): \(denial)"
        case .tooManyRequests: "\(subject): the cluster is asked too much at the moment (429): \(said)"
        case .gone: "\(subject): the resource version is too old to go on from: \(said)"
        case .timeout: "\(subject): the cluster did not do it in time: \(said)"
        case .notKubernetes: "\(subject): the server redirects elsewhere (HTTP \(http)): no API server does"
        case .serverError: "\(subject): the cluster failed (HTTP \(http)): \(said)"
        default: "\(subject): \(said)"
        }
    }

    private var owned: String {
        let managers = Dictionary(grouping: conflicts, by: \.manager).sorted { $0.key < $1.key }
        return managers.map { manager, fields in
            let names = fields.map(\.field).sorted().joined(separator: ", ")
            return "\(names) \(fields.count == 1 ? "belongs" : "belong") to \(manager)"
        }
        .joined(separator: "; ")
    }

    private var details: String {
        let list = causes.map { $0.field.isEmpty ? $0.message : "\($0.field): \($0.message)" }
        return list.isEmpty ? text : list.joined(separator: "; ")
    }

    /// Without what the sentence says already.
    private var denial: String {
        for start in ["denied the request: ", "denied request: "] {
            if let range = text.firstRange(of: start) { return String(text[range.upperBound...]) }
        }
        return text
    }
}

extension String {
    /// What is between the first two of these marks.
    fileprivate func quoted(by mark: Character) -> String? {
        let parts = split(separator: mark, maxSplits: 2, omittingEmptySubsequences: false)
        return parts.count == 3 ? String(parts[1]) : nil
    }

    /// A field that the kind's schema does not have, or not with this type: an apply fails with 500 and without a cause.
    fileprivate var unfitField: KubernetesError.Cause? {
        guard hasPrefix("failed to create typed patch object"), let head = firstRange(of: "): ") else { return nil }
        let rest = self[head.upperBound...]
        guard rest.hasPrefix("."), let colon = rest.firstRange(of: ": ") else {
            return KubernetesError.Cause(field: "", reason: "", message: String(rest))
        }
        let field = String(rest[..<colon.lowerBound])
        return KubernetesError.Cause(field: field, reason: "", message: String(rest[colon.upperBound...]))
    }

    /// The admission webhook or policy that a message is about.
    fileprivate var namedWebhook: String? {
        if let range = firstRange(of: "admission webhook \""), contains("denied the request") {
            return "\"\(self[range.upperBound...])".quoted(by: "\"")
        }
        if let range = firstRange(of: "failed calling webhook \"") {
            return "\"\(self[range.upperBound...])".quoted(by: "\"")
        }
        if let range = firstRange(of: "ValidatingAdmissionPolicy '"), contains("denied request") {
            return "'\(self[range.upperBound...])".quoted(by: "'")
        }
        return contains("violates PodSecurity") ? "PodSecurity" : nil
    }

    fileprivate var tellsOfImmutableField: Bool {
        [
            "immutable", "updates to statefulset spec for fields other than",
            "updates may not change fields other than",
            "may not be changed", "may not change once set", "cannot be changed",
        ].contains { contains($0) }
    }
}
