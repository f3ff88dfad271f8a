import GitHub
import Testing

@Suite struct WebhookEventTests {
    @Test func readsAPing() throws {
        let body = Array(#"{"zen": "Design for failure.", "hook_id": 109948940, "hook": {}}"#.utf8)
        #expect(
            try decodeWebhook(event: "ping", contentType: "application/json", body: body)
                == .ping(hookID: 109_948_940, zen: "Design for failure.")
        )
        #expect(
            try decodeWebhook(event: "ping", contentType: "application/json", body: Array("{}".utf8))
                == .ping(hookID: nil, zen: nil)
        )
    }

    @Test(arguments: [#"{"hook_id": "7"}"#, #"{"hook_id": 1.5}"#, #"{"hook_id": 1, "hook_id": 2}"#])
    func refusesAPing(body: String) {
        #expect {
            _ = try decodeWebhook(event: "ping", contentType: "application/json", body: Array(body.utf8))
        } throws: { error in
            (error as? PayloadError)?.field == "hook_id"
        }
    }

    @Test(arguments: ["pull_request", "deployment_status", "Push", ""])
    func namesWhatItDoesNotRead(event: String) throws {
        #expect(
            try decodeWebhook(event: event, contentType: "application/json", body: [0xff]) == .other(event)
        )
    }

    @Test(arguments: [
        "application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8",
        " application/json ;x=y",
    ])
    func readsJSON(contentType: String) throws {
        #expect(try decodePush(Payload().bytes, contentType: contentType)?.after == Payload.after)
    }

    @Test(arguments: [
        nil, "", "text/plain", "application/jsonp", "application/xml", "application/json, text/plain", ";",
        "multipart/form-data; boundary=x",
    ])
    func refusesTheContentType(contentType: String?) {
        for event in ["push", "ping", "pull_request"] {
            #expect(throws: UnsupportedContentType(contentType: contentType)) {
                try decodeWebhook(event: event, contentType: contentType, body: Payload().bytes)
            }
        }
    }

    @Test(arguments: [
        ("", ""), ("first=1&", "&last=%7B%7D"), ("payloads=1&xpayload=2&", ""), ("&&", "&&"),
    ])
    func readsAForm(before: String, after: String) throws {
        let encoded = Self.percentEncoded(Payload().bytes)
        let body = Array("\(before)payload=\(encoded)\(after)".utf8)
        let push = try decodePush(body, contentType: "application/x-www-form-urlencoded; charset=utf-8")
        #expect(push == (try Payload().decode()))
    }

    @Test(arguments: [
        "", "payload", "payload=", "Payload=%7B%7D", "payload=%7B%7D&payload=%7B%7D", "payload=%7", "payload=%",
        "payload=%zz", "payload=%+1", "payload=%ff", "payload={",
    ])
    func refusesAForm(body: String) {
        expectFault(in: Array(body.utf8), "payload", contentType: "application/x-www-form-urlencoded")
    }

    private static func percentEncoded(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789ABCDEF")
        return bytes.map { byte in
            switch byte {
            case UInt8(ascii: " "): "+"
            case UInt8(ascii: "a")...UInt8(ascii: "z"): String(UnicodeScalar(byte))
            default: "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }.joined()
    }
}
