"""Processes, ports and medians for the benches."""

import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FAIRLEAD = os.path.join(ROOT, ".build/release/fairlead")
ROUNDS = 5


def line(name, ours, peer, unit):
    """One figure as it is printed."""
    ratio = ours / peer if peer else float("nan")
    print(f"bench\t{name}\t{ours:.3f}\t{peer:.3f}\t{ratio:.3f}\t{unit}", flush=True)


def median(values):
    return statistics.median(values)


def in_turn(number, *sides):
    """What each side gives, in their order. Every other round the last one begins, and nobody pays for what another has
    left to be written to the disk."""
    found = {}
    for side in sides if number % 2 == 0 else reversed(sides):
        os.sync()
        found[side] = side()
    return [found[side] for side in sides]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, check, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = check()
        if result:
            return result
        time.sleep(0.02)
    raise SystemExit(f"bench: {what} did not happen within {seconds} s")


def listens(port):
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


@contextlib.contextmanager
def folder():
    """A folder on the disk that holds the checkout, not in memory."""
    os.makedirs(os.path.join(ROOT, ".build"), exist_ok=True)
    path = tempfile.mkdtemp(prefix="bench-", dir="/var/tmp")
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def running(command, log, **options):
    """A process that is ended with the block."""
    with open(log, "ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def sh(*command, **options):
    """Runs a command to its end; what it says is shown only when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


def timed(body):
    start = time.monotonic()
    body()
    return time.monotonic() - start


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as status:
        for entry in status:
            if entry.startswith("VmRSS:"):
                return int(entry.split()[1]) / 1024
    raise SystemExit("bench: no VmRSS")


def git_environment(base):
    return {
        "PATH": os.environ["PATH"], "HOME": base, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null",
        "GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@localhost",
        "GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@localhost",
    }


@contextlib.contextmanager
def git_server(base):
    """Serves BASE/www/*.git by git http-backend; yields the address before the repository's name."""
    cgi = os.path.join(base, "www/cgi-bin")
    os.makedirs(cgi, exist_ok=True)
    script = os.path.join(cgi, "git")
    with open(script, "w") as file:
        file.write(f"#!/bin/sh\nexport GIT_PROJECT_ROOT='{base}/www' GIT_HTTP_EXPORT_ALL=1\nexec git http-backend\n")
    os.chmod(script, 0o755)
    port = free_port()
    command = ["busybox", "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", f"{base}/www"]
    with running(command, os.path.join(base, "git-server.log")):
        wait_for("the git server", lambda: listens(port))
        yield f"http://127.0.0.1:{port}/cgi-bin/git"
