"""The account behind HTTP on loopback."""
import http.server
import json
import re
import sys
import threading
import urllib.parse

from . import kubernetes, networks, registries  # noqa: F401  (networks registers its routes)
from .account import Refused
from .routes import find


class Request:
    def __init__(self, address, method, path, query, body):
        self.address, self.method, self.path, self.query, self.body = address, method, path, query, body


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self):
        if self.path.startswith("/_push/"):
            return self.push()
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length)
        headers = {}
        try:
            body = json.loads(text) if text.strip() else None
            request = Request(self.server.address, self.command, address.path, query, body)
            with self.server.account.lock:
                status, answer = self.server.answer(request, self.headers)
        except Refused as refusal:
            status, answer, headers = refusal.status, refusal.body, refusal.headers
        self.reply(status, answer, headers)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

    def push(self):
        """What the registry's own host would take: /_push/REGISTRY/REPOSITORY/TAG, with an image's content."""
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        try:
            with self.server.account.lock:
                digest = registries.push(self.server.account, *self.path.split("/")[2:], content)
                self.server.account.changes.append(("PUSH", self.path))
                self.server.after("PUSH", self.path)
            self.reply(201, {"digest": digest}, {})
        except Refused as refusal:
            self.reply(refusal.status, refusal.body, {})

    def reply(self, status, answer, headers):
        kind = "application/yaml" if isinstance(answer, str) else "application/json"
        body = b"" if answer is None else (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        # As the API shows them: a client that ignores them is told with 429.
        for name, value in {"ratelimit-limit": "5000", "ratelimit-remaining": "4900"}.items():
            self.send_header(name, value)
        for name, value in headers.items():
            self.send_header(name, value)
        if body or status != 204:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Serves an account until `close`. `drift` is what was not as the description says: a test wants it empty."""

    daemon_threads = True

    def __init__(self, account, contract=None, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.account, self.contract = account, contract
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.drift, self.requests, self.faults = [], [], []
        self.after = lambda method, path: None  # called when a change is made, and before it is answered
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A client that was killed is no error here."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def fail(self, method, path, status, times=1, headers=None):
        """The next requests that match are answered with a fault, before anything is done."""
        self.faults.append([method, re.compile(path), status, times, headers])

    def answer(self, request, headers):
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        self.requests.append((request.method, request.path))
        if token not in self.account.tokens:
            raise Refused(401, "Unable to authenticate you")
        for fault in self.faults:
            if fault[0] == request.method and fault[1].fullmatch(request.path) and fault[3] > 0:
                fault[3] -= 1
                raise Refused(fault[2], "this time not", headers=fault[4])
        kubernetes.settle(self.account)
        function, names = find(request.method, request.path)
        if function is None:
            raise self.drifted([f"the mock does not know {request.method} {request.path}"])
        exchange = (request.method, request.path)
        found = self.contract.request_faults(*exchange, request.query, request.body) if self.contract else []
        if found:
            raise self.drifted(found)
        try:
            status, answer = function(self.account, request, **names)
        except Refused as refusal:
            status, answer = refusal.status, refusal.body
        found = self.contract.answer_faults(*exchange, status, answer) if self.contract else []
        if found:
            raise self.drifted(found)
        if request.method != "GET" and status < 400 and not request.path.endswith("validate-name"):
            self.account.changes.append(exchange)
            self.after(*exchange)
        return status, answer

    def drifted(self, faults):
        self.drift += faults
        return Refused(500, "; ".join(faults), name="drift")

    def close(self):
        self.shutdown()
        self.server_close()
