"""What the tests of the status page run against: a sample repository, its web server, and the real program.

A `Stage` is a context manager. Whatever happens inside, it ends the processes that it started and removes their
containers, networks and files.
"""
import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PUSH = os.path.join(ROOT, "Tests/web/push.py")

# An upper bound that only a hang reaches.
PATIENCE = 60

# The build writes a line every 0.2 s, so that there is a log to follow. It depends on the page: each push builds anew.
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY index.html /www/index.html
RUN ["/bin/busybox", "sh", "-c", "for i in $(/bin/busybox seq 20); do echo \\"polishing the page: $i of 20\\"; \
/bin/busybox sleep 0.2; done"]
USER 65534
EXPOSE 8080
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"""

PIPELINE = """\
name: sample
source: {{ git: "{url}", branch: main }}
images: {{ web: {{ context: . }} }}
deploy: {{ podman: {{}}, manifests: [k8s], timeout: 60s }}
smokeTest:
  - {{ name: says hello, get: "service://web:80/", expect: {{ body: Hello }}, retry: {{ for: 5s, every: 1s }} }}
"""

SETTINGS = """\
listen: 127.0.0.1:0
data: ./data
pipelines: ./pipelines
public: {public}
webhooks: {{ secrets: [{{ env: FAIRLEAD_WEBHOOK_SECRET }}] }}
registry: {{ embedded: true }}
"""


class Stage:
    def __init__(self):
        self.program = os.path.abspath(os.environ.get("FAIRLEAD_BIN") or os.path.join(ROOT, ".build/debug/fairlead"))
        self.secret = secrets.token_urlsafe(32)
        self.undoing = contextlib.ExitStack()
        self.server = None

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="fairlead-web-", dir="/var/tmp")
        self.undoing.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.undoing.callback(self.remove)
        try:
            self.make_repository()
        except BaseException:
            self.undoing.close()
            raise
        return self

    def __exit__(self, *_):
        self.undoing.close()

    @property
    def work(self):
        return f"{self.folder}/sample"

    @property
    def environment(self):
        """The server's, and what the tests are told."""
        given = {"FAIRLEAD_WEBHOOK_SECRET": self.secret, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        given["FAIRLEAD_SHARE"] = os.environ.get("FAIRLEAD_SHARE", ROOT)
        return os.environ | given

    def make_repository(self):
        port = free_port()
        self.url = f"http://127.0.0.1:{port}/cgi-bin/git/sample.git"
        self.write("sample/Dockerfile", DOCKERFILE)
        self.write("sample/index.html", "Hello from version 0.\n")
        self.write("sample/k8s/web.yaml", read(f"{ROOT}/Tests/sample/web.yaml"))
        shutil.copy("/bin/busybox", f"{self.work}/busybox")
        self.write("pipelines/sample.yaml", PIPELINE.format(url=self.url))
        self.write("www/cgi-bin/git", f"#!/bin/sh\nexport GIT_PROJECT_ROOT='{self.folder}/www' GIT_HTTP_EXPORT_ALL=1\n"
                   "exec git http-backend\n", mode=0o755)
        self.git("init", "-q", "-b", "main", self.work)
        self.git("init", "-q", "--bare", "-b", "main", f"{self.folder}/www/sample.git")
        self.git("config", "remote.origin.url", self.url)
        self.git("config", "remote.origin.pushurl", f"{self.folder}/www/sample.git")
        self.git("add", "--all")
        self.git("commit", "-q", "-m", "A page")
        self.start(["/bin/busybox", "httpd", "-f", "-p", f"127.0.0.1:{port}", "-h", f"{self.folder}/www"], "git.log")

    def serve(self, public):
        """Starts the server, again if it ran, and returns its address once it listens. `public` is what it shows to all."""
        if self.server:
            end(self.server)
        self.write("fairlead.yaml", SETTINGS.format(public=public))
        address = f"{self.folder}/data/address"
        with contextlib.suppress(FileNotFoundError):
            os.remove(address)
        self.server = self.start([self.program, "serve", "--config", f"{self.folder}/fairlead.yaml"], "fairlead.log")
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.server.poll() is None:
            with contextlib.suppress(FileNotFoundError):
                if url := read(address).strip():
                    return url
            time.sleep(0.05)
        raise SystemExit(f"the server did not start:\n{self.last_words()}")

    def token(self):
        command = [self.program, "token", "create", "--config", f"{self.folder}/fairlead.yaml", "--role", "deployer",
                   "--name", "web tests"]
        return run(command, cwd=self.folder, env=self.environment).strip()

    def last_words(self):
        """The end of what the server said."""
        with contextlib.suppress(FileNotFoundError):
            return "".join(read(f"{self.folder}/fairlead.log").splitlines(keepends=True)[-40:])
        return ""

    def start(self, command, log):
        """Starts a process in a session of its own: Ctrl-C reaches only us, and we end it in order."""
        with open(f"{self.folder}/{log}", "ab") as output:
            process = subprocess.Popen(
                command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True)
        self.undoing.callback(end, process)
        return process

    def remove(self):
        """Containers, networks and mounted storage; the server has ended by now."""
        if not os.path.exists(f"{self.folder}/data"):
            return
        done = subprocess.run(
            [self.program, "bench", "remove", f"{self.folder}/data"], env=self.environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            print(f"what the server left behind could not be removed:\n{done.stdout}", file=sys.stderr)

    def git(self, *arguments):
        identity = ["-c", "user.name=Ada Sample", "-c", "user.email=ada@localhost", "-c", "safe.directory=*"]
        run(["git", *identity, *arguments], cwd=self.work,
            env=os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"})

    def write(self, path, text, mode=0o644):
        path = f"{self.folder}/{path}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, mode)


def run(command, **options):
    """Runs a command to its end and returns what it printed."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def end(process, first=signal.SIGTERM, patience=30):
    """Asks a process of ours to end, and ends it when it does not."""
    if process.poll() is not None:
        return
    process.send_signal(first)
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def read(path):
    with open(path) as file:
        return file.read()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
