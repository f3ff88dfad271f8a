import Glibc
import HTTPServer
import Testing

@Suite struct StaticFilesTests {
    static let page = "<!doctype html>" + String(repeating: "<p>Runs, newest first</p>", count: 100)

    /// Writes a folder of files, and removes it at the end.
    static func withFolder(_ body: (String) throws -> Void) throws {
        var name = Array("/tmp/static-files-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&name).map { String(cString: $0) })
        let entries = [
            ("index.html", page), ("app.js", "export const a = 1"), (".hidden", "secret"), ("runs/index.html", "runs"),
            ("runs/one.css", "body{}"), ("empty.txt", ""), ("logo.png", String(repeating: "p", count: 2000)),
            ("no-suffix", "x"), ("a b.json", "{}"),
        ]
        mkdir(folder + "/runs", 0o700)
        symlink("/etc/passwd", folder + "/passwd.txt")
        for (path, text) in entries {
            let file = try #require(fopen(folder + "/" + path, "w"))
            fputs(text, file)
            fclose(file)
        }
        defer {
            for (path, _) in entries { unlink(folder + "/" + path) }
            unlink(folder + "/passwd.txt")
            rmdir(folder + "/runs")
            rmdir(folder)
        }
        try body(folder)
    }

    static func get(_ headers: [(String, String)] = [], query: [(name: String, value: String)] = []) -> Request {
        Request(method: "GET", path: "/", query: query, headers: headers)
    }

    @Test func servesFilesWithTheirTypes() throws {
        try Self.withFolder { folder in
            let files = try StaticFiles(folder: folder)
            let expected = [
                ("/", "text/html; charset=utf-8", Self.page), ("/index.html", "text/html; charset=utf-8", Self.page),
                ("/app.js", "text/javascript; charset=utf-8", "export const a = 1"),
                ("/runs/", "text/html; charset=utf-8", "runs"), ("/runs/one.css", "text/css; charset=utf-8", "body{}"),
                ("/empty.txt", "text/plain; charset=utf-8", ""), ("/a b.json", "application/json", "{}"),
                ("/logo.png", "image/png", String(repeating: "p", count: 2000)),
                ("/no-suffix", "application/octet-stream", "x"),
            ]
            for (path, type, text) in expected {
                let response = try #require(files.response(for: Self.get(), path: path), "\(path)")
                #expect(response.status == 200)
                #expect(response.header("Content-Type") == type)
                #expect(response.header("Cache-Control") == "no-cache")
                #expect(response.header("X-Content-Type-Options") == "nosniff")
                #expect(response.header("Content-Encoding") == nil)
                #expect(response.bytes == Array(text.utf8))
            }
            #expect(files.paths.count == 8)
        }
    }

    @Test(arguments: [
        "/.hidden", "/passwd.txt", "/../../../etc/passwd", "/runs/../../etc/passwd", "//etc/passwd", "/runs", "",
        "index.html", "/nothing", "/runs/../index.html", "/./index.html", "/index.html/", "/%2e%2e/etc/passwd",
    ])
    func knowsNoOtherPath(path: String) throws {
        try Self.withFolder { folder in
            let response = try StaticFiles(folder: folder).response(for: Self.get(), path: path)
            #expect(response == nil)
        }
    }

    @Test func tellsVersionsApart() throws {
        try Self.withFolder { folder in
            let files = try StaticFiles(folder: folder)
            let tag = try #require(files.response(for: Self.get(), path: "/")?.header("ETag"))
            #expect(tag.hasPrefix("\"") && tag.hasSuffix("\"") && tag.utf8.count == 34)
            for field in [tag, "W/\(tag)", "\"a\", \(tag)", "*"] {
                let response = try #require(files.response(for: Self.get([("If-None-Match", field)]), path: "/"))
                #expect(response.status == 304, "\(field)")
                #expect(response.header("ETag") == tag)
                #expect(response.header("Vary") == "Accept-Encoding")
                #expect(response.bytes == [])
            }
            for field in ["\"a\"", String(tag.dropLast()), tag.dropLast() + "-gzip\"", ""] {
                #expect(files.response(for: Self.get([("If-None-Match", field)]), path: "/")?.status == 200, "\(field)")
            }
            let file = try #require(fopen(folder + "/index.html", "a"))
            fputs("!", file)
            fclose(file)
            #expect(files.response(for: Self.get(), path: "/")?.header("ETag") == tag, "read once")
            let reread = try StaticFiles(folder: folder)
            #expect(reread.response(for: Self.get(), path: "/")?.header("ETag") != tag)
        }
    }

    @Test func keepsForEverWhatIsAddressedByItsHash() throws {
        try Self.withFolder { folder in
            let files = try StaticFiles(folder: folder)
            let tag = try #require(files.tag(of: "/app.js"))
            let named = files.response(for: Self.get(query: [("v", tag)]), path: "/app.js")
            #expect(named?.header("Cache-Control") == "public, max-age=31536000, immutable")
            let other = files.response(for: Self.get(query: [("v", "0")]), path: "/app.js")
            #expect(other?.header("Cache-Control") == "no-cache")
        }
    }

    @Test func compressesWhatGetsSmaller() throws {
        try Self.withFolder { folder in
            let files = try StaticFiles(folder: folder)
            let request = Self.get([("Accept-Encoding", "br, gzip")])
            let response = try #require(files.response(for: request, path: "/"))
            #expect(response.header("Content-Encoding") == "gzip")
            #expect(response.header("Vary") == "Accept-Encoding")
            #expect(gunzip(try #require(response.bytes)) == Array(Self.page.utf8))
            let plain = try #require(files.response(for: Self.get(), path: "/"))
            #expect(plain.header("Vary") == "Accept-Encoding")
            #expect(plain.header("ETag") != response.header("ETag"))
            let tag = try #require(response.header("ETag"))
            let again = Self.get([("Accept-Encoding", "gzip"), ("If-None-Match", tag)])
            #expect(files.response(for: again, path: "/")?.status == 304)
            // Neither what is small nor what is packed already.
            #expect(files.response(for: request, path: "/app.js")?.header("Content-Encoding") == nil)
            #expect(files.response(for: request, path: "/logo.png")?.header("Content-Encoding") == nil)
        }
    }

    @Test func answersGetAndHeadOnly() async throws {
        try Self.withFolder { folder in
            let files = try StaticFiles(folder: folder)
            let response = files.response(for: Request(method: "POST", path: "/"), path: "/")
            #expect(response?.status == 405)
            #expect(response?.header("Allow") == "GET, HEAD")
            #expect(files.response(for: Request(method: "HEAD", path: "/"), path: "/")?.status == 200)
        }
    }

    @Test func namesAFolderThatIsNotThere() {
        let error = #expect(throws: HTTPServerError.self) { try StaticFiles(folder: "/nowhere/at/all") }
        #expect(error?.message.contains("/nowhere/at/all") == true)
    }

    @Test func goesOverTheWire() async throws {
        var served: StaticFiles?
        try Self.withFolder { served = try StaticFiles(folder: $0) }
        let files = try #require(served)
        try await withServer(
            handler: { request, responder in
                responder.respond(files.response(for: request, path: request.path) ?? .empty(404))
            },
            talk: { server in
                let client = try RawClient(port: server.port)
                let page = try client.get("/", headers: "Accept-Encoding: gzip\r\n")
                #expect(gunzip(page.body) == Array(Self.page.utf8))
                try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.response(toHead: true).header("Content-Length") == "\(Self.page.utf8.count)")
                let tag = try #require(page.header("ETag"))
                let fresh = try client.get("/", headers: "Accept-Encoding: gzip\r\nIf-None-Match: \(tag)\r\n")
                #expect(fresh.status == 304)
                #expect(fresh.header("ETag") == tag)
                #expect(try client.get("/../etc/passwd").status == 404)
                #expect(try client.get("/a%20b.json").text == "{}")
            }
        )
    }
}
