"""A line that breaks: the page says so, and catches up when it is whole again."""
import socket
import threading
import unittest
from urllib.parse import urlsplit

from site_under_test import PageTest, setting


class Line:
    """A TCP relay to the server that can be cut and mended."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.whole = True
        self.pairs = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(near,), daemon=True).start()

    def relay(self, near):
        try:
            far = socket.create_connection(self.target)
        except OSError:
            near.close()
            return
        with self.lock:
            self.pairs.add((near, far))
            whole = self.whole
        if not whole:
            self.cut()
        other = threading.Thread(target=self.copy, args=(far, near), daemon=True)
        other.start()
        self.copy(near, far)
        other.join()
        with self.lock:
            self.pairs.discard((near, far))
        near.close()
        far.close()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        with self.lock:
            self.whole = False
            pairs = list(self.pairs)
        for pair in pairs:
            for end in pair:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def mend(self):
        with self.lock:
            self.whole = True

    def close(self):
        self.listener.close()
        self.cut()


class Connection(PageTest):
    # What the browser itself writes about requests that fail.
    expected_in_console = ("net::ERR_",)

    def arguments(self):
        # The browser thinks that it talks to the server's own address, so the Host header is the right one.
        return [f"--host-resolver-rules=MAP {self.address.hostname}:{self.address.port} 127.0.0.1:{self.line.port}"]

    def setUp(self):
        self.address = urlsplit(setting("FAIRLEAD_URL"))
        self.line = Line(self.address.hostname, self.address.port)
        self.addCleanup(self.line.close)
        super().setUp()

    def test_says_that_the_line_is_lost_and_catches_up(self):
        self.server.some_runs()
        self.open_runs()
        self.until(lambda: self.text("#link-state") == "Live", "the event stream")
        self.mark()
        self.line.cut()
        self.until(lambda: "connection is lost" in self.text("#notice"), "the notice")
        self.assertEqual(self.text("#link-state"), "Offline")
        number = self.server.begin_run()
        status = self.server.finish(number)["status"]
        self.line.mend()
        self.until(lambda: self.text("#link-state") == "Live", "the event stream")
        self.until(lambda: self.text(".row .number") == f"#{number}", "the run that was missed")
        self.assertEqual(self.text(".row .badge").lower(), status)
        self.until(lambda: not self.find("#notice").is_displayed(), "the end of the notice")
        self.assert_not_reloaded()


if __name__ == "__main__":
    unittest.main()
