import HTTPClient
import Testing

@testable import Kubernetes

@Suite struct StatusErrorTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var http: Int
        var reason: String
        var message: String
        var details = "{}"
        var code: KubernetesError.Code
        /// Parts of the sentence.
        var tells: [String] = []
        var testDescription: String { "\(http) \(reason): \(message)" }
    }

    @Test(arguments: [
        Case(http: 401, reason: "Unauthorized", message: "Unauthorized", code: .unauthorized, tells: ["expired"]),
        Case(
            http: 403,
            reason: "Forbidden",
            message: #"deployments.apps is forbidden: User \"bot\" cannot create resource"#,
            code: .forbidden,
            tells: ["Deployment web", "User \"bot\" cannot create"]
        ),
        Case(
            http: 403,
            reason: "Forbidden",
            message:
                #"pods \"web\" is forbidden: exceeded quota: compute, requested: cpu=1, used: cpu=1, limited: cpu=1"#,
            code: .quotaExceeded,
            tells: ["limited: cpu=1"]
        ),
        Case(http: 404, reason: "NotFound", message: #"namespaces \"shop\" not found"#, code: .notFound),
        Case(http: 409, reason: "AlreadyExists", message: #"configmaps \"a\" already exists"#, code: .alreadyExists),
        Case(http: 409, reason: "Conflict", message: "the object has been modified", code: .conflict),
        Case(http: 410, reason: "Expired", message: "too old resource version", code: .gone),
        Case(http: 410, reason: "Gone", message: "gone", code: .gone),
        Case(http: 413, reason: "RequestEntityTooLarge", message: "limit is 3145728", code: .tooLarge),
        Case(http: 415, reason: "UnsupportedMediaType", message: "no", code: .badRequest),
        Case(http: 429, reason: "TooManyRequests", message: "later", code: .tooManyRequests),
        Case(http: 500, reason: "InternalError", message: "etcd", code: .serverError, tells: ["HTTP 500", "etcd"]),
        Case(
            http: 500,
            reason: "",
            message:
                "failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.replica: field not "
                + "declared in schema",
            code: .invalid,
            tells: ["not valid: .spec.replica: field not declared"]
        ),
        Case(http: 503, reason: "ServiceUnavailable", message: "no endpoints", code: .serverError),
        Case(http: 504, reason: "Timeout", message: "request did not complete", code: .timeout),
    ])
    func `Every Status has its code`(_ example: Case) throws {
        let error = try error(example)
        #expect(error.code == example.code)
        #expect(error.httpStatus == example.http)
        #expect(error.reason == example.reason)
        for part in example.tells { #expect(error.message.contains(part), "\(error.message)") }
        #expect(error.message.hasPrefix("Deployment web: "))
        #expect(!error.isImmutableField)
    }

    @Test func `A conflict names the owner of each field`() throws {
        let details = #"""
            {"causes":[
            {"reason":"FieldManagerConflict","message":"conflict with \"hpa\" using apps/v1","field":".spec.replicas"},
            {"reason":"FieldManagerConflict","message":"conflict with \"kubectl\" with subresource \"status\" using v1",
            "field":".spec.paused"},
            {"reason":"FieldManagerConflict","message":"conflict with \"hpa\" using apps/v1","field":".spec.min"}]}
            """#
        let error = try error(
            Case(http: 409, reason: "Conflict", message: "Apply failed", details: details, code: .conflict)
        )
        #expect(
            error.conflicts == [
                .init(manager: "hpa", field: ".spec.replicas"), .init(manager: "kubectl", field: ".spec.paused"),
                .init(manager: "hpa", field: ".spec.min"),
            ]
        )
        #expect(
            error.message
                == "Deployment web: .spec.min, .spec.replicas belong to hpa; .spec.paused belongs to kubectl; leave the "
                + "fields out of the manifest, or apply with force to take them over"
        )
    }

    @Test func `What is invalid is told field by field`() throws {
        let details = #"""
            {"causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.selector"},
            {"reason":"FieldValueTooLong","message":"Too long","field":"[]"},
            {"reason":"FieldValueInvalid","message":"Invalid value: -1: must be ≥ 0","field":"spec.replicas"}]}
            """#
        let error = try error(
            Case(http: 422, reason: "Invalid", message: "is invalid", details: details, code: .invalid)
        )
        #expect(error.code == .invalid && !error.isImmutableField)
        #expect(error.causes.map(\.field) == ["spec.selector", "", "spec.replicas"])
        #expect(
            error.message
                == "Deployment web: not valid: spec.selector: Required value; Too long; "
                + "spec.replicas: Invalid value: -1: must be ≥ 0"
        )
    }

    @Test(arguments: [
        ("spec.selector", "Invalid value: x: field is immutable"),
        ("data", "Forbidden: field is immutable when `immutable` is set"),
        ("spec", "Forbidden: updates to statefulset spec for fields other than 'replicas' are forbidden"),
        ("spec", "Forbidden: pod updates may not change fields other than `spec.containers[*].image`"),
        ("spec.clusterIP", "Invalid value: x: may not change once set"),
    ])
    func `A field that cannot be changed is recognised`(field: String, message: String) throws {
        let details = #"{"causes":[{"reason":"FieldValueInvalid","message":"\#(message)","field":"\#(field)"}]}"#
        let error = try error(Case(http: 422, reason: "Invalid", message: "", details: details, code: .invalid))
        #expect(error.isImmutableField)
        #expect(error.message.contains("\(field): \(message)") && error.message.contains("delete the object first"))
    }

    @Test(arguments: [
        (400, #"admission webhook \"deny.example.com\" denied the request: no latest tags"#, "deny.example.com"),
        (403, #"admission webhook \"a.b\" denied the request: no latest tags"#, "a.b"),
        (
            422, #"x is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no latest tags"#, "p"
        ),
        (403, #"pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": no latest tags"#, "PodSecurity"),
    ])
    func `Who denied is named`(http: Int, message: String, name: String) throws {
        let error = try error(Case(http: http, reason: "Forbidden", message: message, code: .admissionDenied))
        #expect(error.code == .admissionDenied)
        #expect(error.deniedBy == name)
        #expect(error.message.hasPrefix("Deployment web: refused by \(name): "))
        #expect(error.message.hasSuffix("no latest tags"))
    }

    @Test func `A webhook that does not answer is the server's fault, and named`() throws {
        let message = #"Internal error occurred: failed calling webhook \"v.example.com\": connection refused"#
        let error = try error(Case(http: 500, reason: "InternalError", message: message, code: .serverError))
        #expect(error.code == .serverError && error.deniedBy == "v.example.com")
    }

    @Test(arguments: [(200, "text/html"), (502, "text/html; charset=utf-8"), (404, "text/plain")])
    func `HTML is named, whatever its status`(http: Int, type: String) {
        let response = HTTPResponse(
            status: http,
            headers: [("Content-Type", type)],
            body: Array("\n<html><title>Welcome</title></html>".utf8),
            duration: .zero,
            remoteAddress: nil
        )
        let error = KubernetesError(response, subject: "x") ?? .notKubernetes(response, subject: "x")
        #expect(error.code == .notKubernetes && error.httpStatus == http)
        #expect(error.message.contains("HTML") && error.message.contains("Welcome"))
    }

    @Test(arguments: [(401, KubernetesError.Code.unauthorized), (404, .notFound), (429, .tooManyRequests)])
    func `Plain text counts by its status`(http: Int, code: KubernetesError.Code) {
        let response = HTTPResponse(
            status: http,
            headers: [("Retry-After", "3")],
            body: Array("404 page not found\n".utf8),
            duration: .zero,
            remoteAddress: nil
        )
        #expect(KubernetesError(response, subject: "x")?.code == code)
        #expect(KubernetesError(response, subject: "x")?.retryAfter == .seconds(3))
    }

    private func error(_ example: Case) throws -> KubernetesError {
        let body = statusObject(example.http, example.reason, example.message, details: example.details)
        let response = HTTPResponse(
            status: example.http,
            headers: [("Content-Type", "application/json")],
            body: Array(body.utf8),
            duration: .zero,
            remoteAddress: nil
        )
        return try #require(KubernetesError(response, subject: "Deployment web"))
    }
}
