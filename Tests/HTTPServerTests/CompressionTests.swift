import HTTPServer
import Testing

@Suite struct CompressionTests {
    static let json = Array(("[" + String(repeating: "{\"status\":\"succeeded\"},", count: 200) + "0]").utf8)

    @Test(arguments: [
        [], [0], Array("hello".utf8), json, (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) },
    ])
    func packsWhatCanBeUnpacked(bytes: [UInt8]) {
        #expect(gunzip(gzip(bytes)) == bytes)
    }

    @Test(arguments: [
        ("gzip", true), ("GZIP", true), ("deflate, gzip;q=0.5", true), ("x-gzip", true), ("*", true),
        ("gzip; q=1.0", true), ("br, *;q=0.1", true),
        ("", false), ("identity", false), ("gzip;q=0", false), ("gzip ; q=0.000", false), ("*;q=0", false),
        ("*, gzip;q=0", false), ("gzipped", false), ("br", false),
    ])
    func asksTheClient(accept: String, isPacked: Bool) {
        let request = Request(method: "GET", path: "/", headers: [("Accept-Encoding", accept)])
        let response = compressed(.json(Self.json, headers: [("ETag", "\"a\"")]), for: request)
        #expect(response.header("Vary") == "Accept-Encoding")
        #expect(response.header("Content-Encoding") == (isPacked ? "gzip" : nil))
        #expect(response.header("ETag") == (isPacked ? "\"a-gzip\"" : "\"a\""))
        #expect(response.bytes.map { isPacked ? gunzip($0) : $0 } == Self.json)
    }

    @Test func leavesAloneWhatDoesNotPay() {
        let request = Request(method: "GET", path: "/", headers: [("Accept-Encoding", "gzip")])
        let noise = (0..<4000).map { _ in UInt8.random(in: 0...255) }
        let responses: [Response] = [
            .json(Array("{}".utf8)), .bytes(Self.json, type: "image/png"), .json(noise), .empty(204),
            .json(Self.json, headers: [("Content-Encoding", "br")]), .bytes(Self.json, type: "text/event-stream"),
        ]
        for response in responses {
            let answer = compressed(response, for: request)
            #expect(answer.bytes == response.bytes)
            #expect(answer.header("Content-Encoding") == response.header("Content-Encoding"))
        }
    }

    @Test func addsToVary() {
        let request = Request(method: "GET", path: "/", headers: [("Accept-Encoding", "gzip")])
        let response = compressed(.json(Self.json, headers: [("vary", "Cookie")]), for: request)
        #expect(response.headers.filter { $0.0.lowercased() == "vary" }.map(\.1) == ["Cookie, Accept-Encoding"])
    }
}
