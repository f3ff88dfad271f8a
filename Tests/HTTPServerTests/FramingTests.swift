import HTTPServer
import Testing

/// A request that two programs could read in two ways gets 400, reaches no handler, and ends its connection.
@Suite struct FramingTests {
    struct Case: CustomTestStringConvertible {
        let name: String
        let request: String
        var status = 400
        var testDescription: String { name }

        init(_ name: String, _ request: String, status: Int = 400) {
            self.name = name
            self.request = request
            self.status = status
        }

        static func post(_ name: String, _ headers: String, status: Int = 400) -> Case {
            Case(name, "POST / HTTP/1.1\r\nHost: a\r\n\(headers)\r\n\r\n5\r\nhello\r\n0\r\n\r\n", status: status)
        }
    }

    static let refused: [Case] = [
        .post("length and encoding", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
        .post("encoding and length", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
        .post("lengths that differ", "Content-Length: 5\r\nContent-Length: 6"),
        .post("lengths that agree", "Content-Length: 5\r\nContent-Length: 5"),
        .post("lengths in one line", "Content-Length: 5, 5"),
        .post("a second length that is no number", "Content-Length: 5\r\ncontent-length: x"),
        .post("negative length", "Content-Length: -5"),
        .post("length with a plus", "Content-Length: +5"),
        .post("hexadecimal length", "Content-Length: 0x5"),
        .post("length with a fraction", "Content-Length: 5.0"),
        .post("length with a space in it", "Content-Length: 5 5"),
        .post("length with a space behind", "Content-Length: 5 "),
        .post("empty length", "Content-Length:"),
        .post("length that overflows 63 bits", "Content-Length: 9223372036854775808"),
        // libmicrohttpd itself answers this one, before we are asked.
        .post("length that overflows 64 bits", "Content-Length: 18446744073709551616", status: 413),
        .post("identity", "Transfer-Encoding: identity"),
        .post("gzip before chunked", "Transfer-Encoding: gzip, chunked"),
        .post("chunked twice", "Transfer-Encoding: chunked, chunked"),
        .post("encodings in two lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        .post("chunked with a vertical tab", "Transfer-Encoding: \u{0B}chunked"),
        .post("chunked with a space behind", "Transfer-Encoding: chunked "),
        .post("empty encoding", "Transfer-Encoding:"),
        .post("space before the colon", "Content-Length : 5"),
        .post("tab before the colon of an encoding", "Transfer-Encoding\t: chunked"),
        .post("folded value", "X: a\r\n b"),
        .post("folded with a tab", "X: a\r\n\tb"),
        .post("name completed by a folded line", "Content-Len: 5\r\n gth"),
        .post("first header folded", " X: a"),
        .post("bare carriage return", "X: a\rContent-Length: 5"),
        .post("bare line feed", "X: a\nContent-Length: 5"),
        .post("NUL in a value", "X: a\0b"),
        .post("NUL behind a length", "Content-Length: 5\0"),
        .post("NUL in a name", "X\0Y: a"),
        .post("control character in a value", "X: a\u{1}b"),
        .post("empty name", ": a"),
        .post("name with a space", "X Y: a"),
        .post("no colon", "X"),
        .post("second Host", "Host: b"),
        .post("second Host that agrees", "Host: a"),
        Case("no Host", "GET / HTTP/1.1\r\nX: y\r\n\r\n"),
        Case("encoding in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        Case("bare line feeds throughout", "GET / HTTP/1.1\nHost: a\n\n"),
        Case("empty line by a bare line feed", "GET / HTTP/1.1\r\nHost: a\r\n\n"),
        Case("two spaces before the target", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("two spaces behind the target", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("tab in the request line", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("NUL in the target", "GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("NUL in the method", "GE\0T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("method that is no token", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("no version", "GET /\r\nHost: a\r\n\r\n"),
        Case("version 2", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", status: 505),
        Case("target without a slash", "GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("asterisk", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("other host in the target", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("broken percent-encoding", "GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("percent-encoding of nothing", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("encoded NUL", "GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("encoded line break", "GET /a%0d%0ab HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("invalid UTF-8", "GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("overlong UTF-8", "GET /%c0%af HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("broken percent-encoding in the query", "GET /?a=%4 HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("raw bytes above ASCII", "GET /é HTTP/1.1\r\nHost: a\r\n\r\n"),
    ]

    @Test(arguments: refused) func refuses(_ refused: Case) async throws {
        let count = Shared(0)
        try await withServer(
            handler: { _, responder in
                count.change { $0 += 1 }
                responder.respond(.text("handled"))
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                // A second request rides behind: it must not be taken for one.
                client.sendAsFarAsTaken(Array((refused.request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n").utf8))
                // To the end, not one response: what libmicrohttpd answers by itself to a wrong length has its head twice.
                let answer = String(decoding: try client.readToEnd(), as: UTF8.self)
                #expect(answer.hasPrefix("HTTP/1.1 \(refused.status) "), "\(answer)")
                #expect(answer.contains("\r\nConnection: close\r\n"), "\(answer)")
                #expect(!answer.contains("handled"))
            }
        )
        #expect(count.current == 0)
    }

    static let malformedChunks: [Case] = [
        Case("size that is no number", "z\r\nhello\r\n0\r\n\r\n"),
        Case("negative size", "-5\r\nhello\r\n0\r\n\r\n"),
        Case("size with 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        Case("size with a space", " 5\r\nhello\r\n0\r\n\r\n"),
        Case("empty size", "\r\nhello\r\n0\r\n\r\n"),
        Case("data longer than the size", "3\r\nhello\r\n0\r\n\r\n"),
        Case("size that overflows", "fffffffffffffffff\r\nhello\r\n0\r\n\r\n", status: 413),
    ]

    @Test(arguments: malformedChunks) func refusesMalformedChunks(_ refused: Case) async throws {
        let count = Shared(0)
        try await withServer(
            handler: { _, responder in
                count.change { $0 += 1 }
                responder.respond(.text("handled"))
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(refused.request)")
                #expect(try client.response().status == refused.status)
                #expect(try client.isEnded())
                try eventually("the body is let go") { server.bodyBytesInFlight == 0 }
            }
        )
        #expect(count.current == 0)
    }

    static let accepted: [Case] = [
        Case("no headers", "GET / HTTP/1.0\r\n\r\n"),
        Case("empty values", "GET / HTTP/1.1\r\nHost:\r\nX:\r\nY: \t \r\n\r\n"),
        Case("white space around a value", "GET / HTTP/1.1\r\nHost:   a\r\nX:\t\ty  z\t\r\n\r\n"),
        Case("tab within a value", "GET / HTTP/1.1\r\nHost: a\r\nX: y\tz\r\n\r\n"),
        Case("UTF-8 in a value", "GET / HTTP/1.1\r\nHost: a\r\nX: é\r\n\r\n"),
        Case("every token character", "GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~09azAZ: y\r\n\r\n"),
        Case("many parameters", "GET /?a=1&a=2&&c&=d&e=%41+f?g HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("colons and equals in values", "GET / HTTP/1.1\r\nHost: a:80\r\nX: b:c=d\r\n\r\n"),
        Case("empty lines before the request", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("chunked in capitals", "POST / HTTP/1.1\r\nHost: a\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n"),
        Case(
            "trailers",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nT: y\r\n\r\n"
        ),
        Case("leading zeros", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0005\r\n\r\nhello"),
        Case("absolute target", "GET http://A/x?y=z HTTP/1.1\r\nHost: a\r\n\r\n"),
        Case("cookies", "GET / HTTP/1.1\r\nHost: a\r\nCookie: a=\"b; c\"; d, e\r\nX: y\r\n\r\n"),
    ]

    /// libmicrohttpd parses in place, and our checks count on where it leaves things: in one piece or byte by byte,
    /// on a fresh connection or a used one.
    @Test(arguments: accepted) func accepts(_ accepted: Case) async throws {
        try await withServer(handler: echo) { server in
            let whole = try RawClient(port: server.port)
            try whole.send(accepted.request)
            #expect(try whole.response().status == 200)
            let used = try RawClient(port: server.port)
            for _ in 0..<3 { #expect(try used.get("/before").status == 200) }
            for byte in accepted.request.utf8 { try used.send([byte]) }
            #expect(try used.response().status == 200)
        }
    }

    @Test func acceptsLongHeadsInSmallPieces() async throws {
        let seen = Shared<[String]>([])
        try await withServer(
            handler: { request, responder in
                seen.change { $0 = (0..<150).compactMap { request.header("X-Field-\($0)") } }
                responder.respond(.empty(204))
            },
            talk: { server in
                let values = (0..<150).map { String(repeating: "v", count: $0) }
                let headers = values.enumerated().map { "X-Field-\($0.offset): \($0.element)\r\n" }.joined()
                let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\(headers)\r\n".utf8)
                let client = try RawClient(port: server.port)
                for size in [1, 7, 500, request.count] {
                    for start in stride(from: 0, to: request.count, by: size) {
                        try client.send(Array(request[start..<min(start + size, request.count)]))
                    }
                    #expect(try client.response().status == 204)
                    #expect(seen.current == values)
                }
            }
        )
    }

    @Test func refusesHeadsThatAreTooLong() async throws {
        try await withServer(handler: echo) { server in
            let long = String(repeating: "x", count: 60_000)
            let fields = try RawClient(port: server.port)
            fields.sendAsFarAsTaken(Array("GET / HTTP/1.1\r\nHost: a\r\nX: \(long)\r\n\r\n".utf8))
            #expect(try fields.response().status == 431)
            let target = try RawClient(port: server.port)
            target.sendAsFarAsTaken(Array("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n".utf8))
            #expect(try target.response().status == 414)
        }
    }

    @Test(arguments: [
        ("/", "GET /"), ("/a%2Fb%20c", "GET /a/b c"), ("/%C3%A9", "GET /é"), ("/a+b", "GET /a+b"),
        ("/a/../b", "GET /a/../b"), ("/%2541", "GET /%41"), ("/?", "GET /"),
        ("/r?status=failed&ref=a%26b+c&x", "GET /r\n?status=failed\n?ref=a&b c\n?x="),
        ("/r?q=%C3%A9%0", "400"), ("http://localhost?a=b", "GET /\n?a=b"),
    ])
    func decodesTargets(target: String, expected: String) async throws {
        try await withServer(handler: echo) { server in
            let response = try RawClient(port: server.port).get(target)
            #expect(expected == "400" ? response.status == 400 : response.text == expected + "\n0 bytes")
        }
    }
}
