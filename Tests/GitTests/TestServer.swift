import Foundation

/// A small threaded HTTP server in Python that serves the repositories of a folder through the real `git http-backend`,
/// and misbehaves where a test asks for it.
final class TestServer: Sendable {
    /// What is wrong with the server.
    enum Fault: String {
        case none
        /// Accepts, and says nothing: before TLS where there is a certificate.
        case silent
        /// Completes the TLS handshake, then says nothing.
        case silentAfterTLS
        /// Reads the request, then says nothing.
        case silentAfterRequest
        /// Sends the beginning of the pack, then nothing.
        case stalledPack
        /// Sends the pack by one byte every half second.
        case drippingPack
        /// Closes the connection in the middle of the pack.
        case cutPack
        /// Answers every request with 503.
        case unavailable
    }

    let port: Int
    let url: String
    private let child: ChildProcess
    private let log: String

    init(
        serving root: String,
        user: String? = nil,
        password: String? = nil,
        certificate: TestCertificate? = nil,
        fault: Fault = .none
    ) throws {
        log = root + "/requests.log"
        try "".write(toFile: log, atomically: false, encoding: .utf8)
        let arguments = [
            "-u", "-c", Self.program, root, log, user.map { "\($0):\(password ?? "")" } ?? "",
            certificate?.certificatePath ?? "", certificate?.keyPath ?? "", fault.rawValue,
        ]
        child = try ChildProcess(["python3"] + arguments)
        guard let line = child.readLine(), let number = Int(line) else {
            child.stop()
            throw TestFailure("the server did not start")
        }
        port = number
        url = "\(certificate == nil ? "http" : "https")://127.0.0.1:\(number)"
    }

    deinit { child.stop() }

    /// Every request so far: the connection's number, the method, the path, the user in it, and the bytes answered.
    var requests: [(connection: Int, method: String, path: String, user: String, bytes: Int)] {
        let text = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            let words = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
            guard words.count == 5, let connection = Int(words[0]), let bytes = Int(words[4]) else { return nil }
            return (connection, words[1], words[2], words[3], bytes)
        }
    }

    /// Waits until somebody has asked for something whose path holds `part`.
    func waitForRequest(_ part: String) async throws {
        for _ in 0..<600 {
            if requests.contains(where: { $0.path.contains(part) }) { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw TestFailure("no request for \(part) came")
    }

    private static let program = #"""
        import base64, os, socket, ssl, subprocess, sys, threading, time
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        root, log, account, certificate, key, fault = sys.argv[1:7]
        lock = threading.Lock()
        numbers = iter(range(1, 1 << 30))

        def hang():
            threading.Event().wait()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                with lock:
                    self.number = next(numbers)
                if fault == "silent":
                    hang()
                if certificate:
                    self.request = context.wrap_socket(self.request, server_side=True)
                if fault == "silentAfterTLS":
                    hang()
                super().setup()

            def log_message(self, *arguments):
                pass

            def record(self, count):
                header = self.headers.get("Authorization", "")
                user = base64.b64decode(header[6:]).decode() if header.startswith("Basic ") else ""
                with lock, open(log, "a") as file:
                    file.write(f"{self.number}\t{self.command}\t{self.path}\t{user.split(':')[0]}\t{count}\n")
                return user

            def plain(self, status, headers={}):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self):
                self.answer(b"")

            def do_POST(self):
                self.answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

            def answer(self, body):
                if fault == "silentAfterRequest":
                    self.record(0)
                    hang()
                if fault == "unavailable":
                    self.record(0)
                    return self.plain(503)
                if self.path.startswith("/away/"):
                    self.record(0)
                    port = self.server.server_address[1]
                    return self.plain(302, {"Location": f"http://localhost:{port}/{self.path[6:]}"})
                if self.path.startswith("/moved/"):
                    self.record(0)
                    return self.plain(301, {"Location": "/" + self.path[7:]})
                header = self.headers.get("Authorization", "")
                if account and header != "Basic " + base64.b64encode(account.encode()).decode():
                    self.record(0)
                    return self.plain(401, {"WWW-Authenticate": 'Basic realm="test"'})
                self.backend(body)

            def backend(self, body):
                path, _, query = self.path.partition("?")
                environment = {
                    "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
                    "REQUEST_METHOD": self.command, "PATH_INFO": path, "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers.get("Content-Type", ""), "CONTENT_LENGTH": str(len(body)),
                    "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
                    "GIT_CONFIG_NOSYSTEM": "1", "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                    "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                }
                child = subprocess.Popen(["git", "http-backend"], env=environment, stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
                threading.Thread(target=self.feed, args=(child, body), daemon=True).start()
                status, headers = 200, []
                for line in iter(child.stdout.readline, b"\r\n"):
                    if not line:
                        break
                    name, _, value = line.decode().strip().partition(": ")
                    if name == "Status":
                        status = int(value.split()[0])
                    else:
                        headers.append((name, value))
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                count = 0
                if self.command == "POST" and fault.endswith("Pack"):
                    self.misbehave(child.stdout.read(4000))
                # The last part goes out after the record: a client that has all it wants does not wait for the end.
                last = b""
                while data := child.stdout.read1(65536):
                    if last:
                        self.wfile.write(b"%x\r\n" % len(last) + last + b"\r\n")
                    last = data
                    count += len(data)
                child.wait()
                self.record(count)
                if last:
                    self.wfile.write(b"%x\r\n" % len(last) + last + b"\r\n")
                self.wfile.write(b"0\r\n\r\n")

            def feed(self, child, body):
                try:
                    child.stdin.write(body)
                    child.stdin.close()
                except OSError:
                    pass

            def misbehave(self, data):
                # Far enough for the pack to have begun.
                self.wfile.write(b"%x\r\n" % 1000 + data[:1000] + b"\r\n")
                self.wfile.flush()
                self.record(0)
                if fault == "drippingPack":
                    for byte in data[1000:]:
                        self.wfile.write(b"1\r\n" + bytes([byte]) + b"\r\n")
                        self.wfile.flush()
                        time.sleep(0.5)
                if fault == "stalledPack":
                    hang()
                self.request.shutdown(socket.SHUT_RDWR)
                raise ConnectionError

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 64

            def handle_error(self, request, address):
                pass

        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
        server = Server(("127.0.0.1", 0), Handler)
        print(server.server_address[1])
        # The test holds the other end of our input open for as long as it lives.
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
        server.serve_forever()
        """#
}
