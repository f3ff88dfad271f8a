"""A warm run (one file changed, image built again, pods replaced) beside a shell script of the same podman commands."""

import hashlib
import hmac
import http.client
import json
import os
import shutil
import uuid

from accept import SECRET, announced, write
from support import FAIRLEAD, ROOT, ROUNDS, folder, git_environment, git_server, line, median, running, sh, timed, wait_for

DOCKERFILE = """FROM scratch
COPY busybox /bin/busybox
COPY index.html /www/index.html
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"""


PIPELINE = """images: { web: { context: . } }
deploy: { podman: {}, manifests: [k8s] }
smokeTest: [{ name: answers, get: "service://web:80/", expect: { body: Hello } }]"""


class Repository:
    """A work tree whose commits are pushed to a served bare repository."""

    def __init__(self, base, context="."):
        self.context = context
        self.environment = git_environment(base)
        self.tree = f"{base}/tree"
        self.bare = f"{base}/www/web.git"
        sh("git", "init", "-q", "--bare", "-b", "main", self.bare, env=self.environment)
        sh("git", "init", "-q", "-b", "main", self.tree, env=self.environment)
        write(f"{self.tree}/{context}/Dockerfile", DOCKERFILE)
        os.mkdir(f"{self.tree}/k8s")
        shutil.copy(f"{ROOT}/Tests/sample/web.yaml", f"{self.tree}/k8s/web.yaml")
        shutil.copy(shutil.which("busybox"), f"{self.tree}/{context}/busybox")

    def commit(self, changing=None, branch="main"):
        """Changes a file, by default the page of the image, pushes, and returns the revision."""
        write(f"{self.tree}/{changing or f'{self.context}/index.html'}", f"Hello {uuid.uuid4()}\n")
        for command in (["add", "--all"], ["commit", "-q", "-m", "Change"], ["push", "-q", self.bare, f"HEAD:refs/heads/{branch}"]):
            sh("git", "-C", self.tree, *command, env=self.environment)
        return sh("git", "-C", self.tree, "rev-parse", "HEAD", env=self.environment).strip()


def ask(port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, json.loads(text)


def announce(port, revision, url, branch="main"):
    """Sends the push and returns the number of its run."""
    commit = {"id": revision, "message": "Change", "timestamp": "2026-01-01T00:00:00Z",
              "author": {"name": "b", "email": "b@localhost"}}
    body = json.dumps({
        "ref": f"refs/heads/{branch}", "before": "0" * 40, "after": revision, "created": False, "deleted": False,
        "forced": False, "head_commit": commit, "commits": [commit],
        "repository": {"id": 1, "name": "web", "full_name": "bench/web", "private": False, "clone_url": url,
                       "default_branch": "main"},
        "pusher": {"name": "b", "email": "b@localhost"}}).encode()
    status, receipt = ask(port, "POST", "/webhooks/github", body, {
        "Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()})
    if status != 202:
        raise SystemExit(f"bench: the push got {status}: {receipt}")
    return receipt["runs"][0]["id"]


def push(port, revision, url):
    """Sends the push and waits until its run is over; only success counts."""
    number = announce(port, revision, url)

    def over():
        run = ask(port, "GET", f"/api/v1/runs/{number}")[1]
        return run if run["status"] not in ("queued", "running") else None

    run = wait_for("the run's end", over, 120)
    if run["status"] != "succeeded":
        raise SystemExit(f"bench: the run {run['status']}: {run['reason']}")


def server(base, url, pipeline):
    """A server with the pipeline `web`; `pipeline` is what follows its name and source."""
    write(f"{base}/pipelines/web.yaml", f"""name: web
source: {{ git: "{url}", branch: main }}
{pipeline}
""")
    write(f"{base}/fairlead.yaml", """listen: 127.0.0.1:0
data: ./data
pipelines: ./pipelines
public: everything
webhooks: { secrets: [{ env: BENCH_SECRET }] }
registry: { embedded: true }
""")
    environment = dict(os.environ, BENCH_SECRET=SECRET, FAIRLEAD_SHARE=ROOT)
    return running([FAIRLEAD, "serve", "--config", f"{base}/fairlead.yaml"], f"{base}/log", env=environment)


def script_environment(data, url):
    """The script uses the same podman configuration, storage, network and registry as the server."""
    with open(f"{data}/registry/port") as file:
        port = file.read().strip()
    return dict(
        os.environ, DATA=data, URL=url, REGISTRY=f"127.0.0.1:{port}", CONTAINERS_CONF=f"{data}/podman/containers.conf",
        CONTAINERS_STORAGE_CONF=f"{data}/podman/storage.conf",
        CONTAINERS_REGISTRIES_CONF=f"{data}/podman/registries.conf")


def run():
    with folder() as base, git_server(base) as address:
        url = f"{address}/web.git"
        repository = Repository(base)
        first = repository.commit()
        mine, other = [], []
        try:
            with server(base, url, PIPELINE):
                port = announced(base)
                push(port, first, url)
                environment = script_environment(f"{base}/data", url)
                script = [f"{ROOT}/Tests/bench/deploy.sh"]
                sh(*script, env=environment)
                for _ in range(ROUNDS):
                    revision = repository.commit()
                    mine.append(timed(lambda: push(port, revision, url)))
                    repository.commit()
                    other.append(timed(lambda: sh(*script, env=environment)))
                sh(f"{ROOT}/Tests/bench/deploy.sh", "remove", env=environment)
        finally:
            sh(FAIRLEAD, "bench", "remove", f"{base}/data")
        line("run_overhead", median(mine), median(other), "s")
