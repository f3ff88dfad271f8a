"""Signed pushes of 8 KB over 32 kept-alive connections: ours with an fsync before each 202, the same without the
commit, and Debian's webhook running /bin/true."""

import hashlib
import hmac
import json
import os
import re
import socket

from support import FAIRLEAD, ROOT, ROUNDS, folder, free_port, in_turn, line, listens, median, running, sh, wait_for

SECRET = "a secret for the bench"
SECONDS = 5
CONNECTIONS = 32


# A git host that takes the connection and says nothing: the first run waits for it while the pushes pour in.
SILENT = socket.create_server(("127.0.0.1", 0))
SOURCE = f"http://127.0.0.1:{SILENT.getsockname()[1]}/web.git"


def payload():
    """A push of about 8 KB: GitHub's shape, with as many commits as fill it."""
    commit = {
        "id": "ab" * 20, "tree_id": "cd" * 20, "distinct": True, "message": "Say what it is for",
        "timestamp": "2026-01-01T00:00:00Z", "url": "https://github.com/acme/web/commit/" + "ab" * 20,
        "author": {"name": "A", "email": "a@example.org", "username": "a"},
        "committer": {"name": "A", "email": "a@example.org", "username": "a"},
        "added": ["src/a.txt"], "removed": [], "modified": ["src/b.txt", "README.md"],
    }
    push = {
        "ref": "refs/heads/main", "before": "0" * 40, "after": "ab" * 20, "created": False, "deleted": False,
        "forced": False, "base_ref": None, "compare": "https://github.com/acme/web/compare/0...1", "head_commit": commit,
        "repository": {
            "id": 1, "name": "web", "full_name": "acme/web", "private": False, "default_branch": "main",
            "clone_url": SOURCE,
        },
        "pusher": {"name": "a", "email": "a@example.org"}, "commits": [],
    }
    while len(json.dumps(push)) < 8000:
        push["commits"].append(commit)
    return json.dumps(push).encode()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def server_files(base):
    write(f"{base}/pipelines/web.yaml", f"""name: web
source: {{ git: "{SOURCE}", branch: main }}
images: {{ web: {{ context: . }} }}
registry: {{ address: "127.0.0.1:5000" }}
deploy: {{ podman: {{}}, manifests: [k8s] }}
""")
    write(f"{base}/fairlead.yaml", """listen: 127.0.0.1:0
data: ./data
pipelines: ./pipelines
public: everything
webhooks: { secrets: [{ env: BENCH_SECRET }] }
""")


def ours(base, *arguments, files=server_files):
    """Serves from a new data folder and yields the address that it announces."""
    files(base)
    environment = dict(os.environ, BENCH_SECRET=SECRET, FAIRLEAD_SHARE=ROOT)
    return running([FAIRLEAD, *arguments, "--config", f"{base}/fairlead.yaml"], f"{base}/log", env=environment)


def announced(base):
    def read():
        try:
            with open(f"{base}/data/address") as file:
                return int(file.read().strip().rsplit(":", 1)[1])
        except (OSError, IndexError, ValueError):
            return None
    return wait_for("the server's start", read)


def peer(base, port):
    hook = [{
        "id": "push", "execute-command": "/bin/true", "include-command-output-in-response": True,
        "trigger-rule": {"match": {
            "type": "payload-hmac-sha256", "secret": SECRET,
            "parameter": {"source": "header", "name": "X-Hub-Signature-256"}}},
    }]
    write(f"{base}/hooks.json", json.dumps(hook))
    return running(["webhook", "-hooks", f"{base}/hooks.json", "-ip", "127.0.0.1", "-port", str(port)], f"{base}/log")


def load(base, port, path, salt, seconds=SECONDS):
    """Requests a second and the 99th percentile in milliseconds."""
    body = payload()
    with open(f"{base}/body", "wb") as file:
        file.write(body)
    signature = "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    write(f"{base}/signature", signature + "\n")
    environment = dict(
        os.environ, BENCH_PATH=path, BENCH_BODY=f"{base}/body", BENCH_SIGNATURE=f"{base}/signature", BENCH_SALT=salt)
    said = sh(
        "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", f"{ROOT}/Tests/bench/push.lua",
        f"http://127.0.0.1:{port}/", env=environment)
    found = re.search(r"RESULT\t([\d.]+)\t([\d.]+)\t(\d+)", said)
    if not found or found[3] != "0":
        raise SystemExit(f"bench: requests failed:\n{said}")
    return float(found[1]), float(found[2])


def measure(start, path, number, port=None):
    with folder() as base, start(base) as _:
        at = port or announced(base)
        wait_for("the server", lambda: listens(at))
        return load(base, at, path, f"round{number}")


def peer_measured(number):
    port = free_port()
    return measure(lambda base: peer(base, port), "/hooks/push", number, port)


def run():
    samples = [
        in_turn(
            number,
            lambda: measure(lambda base: ours(base, "serve"), "/webhooks/github", number),
            lambda: measure(lambda base: ours(base, "bench", "accept-without-commit"), "/webhooks/github", number),
            lambda: peer_measured(number))
        for number in range(ROUNDS)]
    durable, ceiling, other = zip(*samples)
    rate = median([sample[0] for sample in durable])
    line("accept_durable", rate, median([sample[0] for sample in other]), "requests/s")
    line("accept_p99_ms", median([sample[1] for sample in durable]), median([sample[1] for sample in other]), "ms")
    line("accept_ceiling", rate, median([sample[0] for sample in ceiling]), "requests/s")
