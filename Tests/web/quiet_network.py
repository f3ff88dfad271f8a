"""A network in which nothing changes but what a test changes.

Chromium drops every open connection, those to loopback too, when an interface comes or goes (ERR_NETWORK_CHANGED), and
each container that is deployed brings one. So the browser gets a network namespace of its own, in which the server's
address leads to the server: the listening socket belongs to the namespace, those who accept from it do not.
"""
import contextlib
import ctypes
import os
import socket
import subprocess
import threading
from urllib.parse import urlsplit

CLONE_NEWNET = 0x40000000


class QuietNetwork:
    """`enter` is what to put in front of a command, which has to inherit the descriptor `namespace`. Needs root."""

    def __init__(self, url):
        address = urlsplit(url)
        self.target = (address.hostname, address.port)
        self.fault = None

    def __enter__(self):
        # A namespace is entered by one thread, so the others stay where they are.
        maker = threading.Thread(target=self.make)
        maker.start()
        maker.join()
        if self.fault:
            raise SystemExit(f"no network namespace for the browser: {self.fault}")
        self.enter = ["nsenter", f"--net=/proc/self/fd/{self.namespace}"]
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.close(self.namespace)

    def make(self):
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            subprocess.run(["/bin/busybox", "ip", "link", "set", "lo", "up"], check=True)
            self.namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
            self.listener = socket.create_server(self.target, backlog=128)
        except (OSError, subprocess.CalledProcessError) as fault:
            self.fault = fault

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.relay, args=(near,), daemon=True).start()

    def relay(self, near):
        with near, contextlib.suppress(OSError), socket.create_connection(self.target) as far:
            other = threading.Thread(target=copy, args=(far, near), daemon=True)
            other.start()
            copy(near, far)
            other.join()


def copy(source, sink):
    """Copies until the source ends, then ends both: no request here goes on after half a connection is gone."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
