"""How soon a push is accepted while two runs build, beside the same load on the same server when nothing else is done."""

import os

from accept import SECRET, announced, load, ours, server_files, write
from road import Repository, ask, announce
from support import FAIRLEAD, ROUNDS, folder, git_server, line, median, sh, wait_for

# A build that computes for longer than the load lasts, and is then cancelled.
DOCKERFILE = """FROM scratch
COPY busybox /bin/busybox
COPY index.html /index.html
RUN ["/bin/busybox", "sh", "-c", "while :; do :; done"]
"""
NAMES = ("one", "two")


def files(base, url):
    server_files(base)
    with open(f"{base}/fairlead.yaml", "a") as file:
        file.write("registry: { embedded: true }\n")
    for name in NAMES:
        write(f"{base}/pipelines/{name}.yaml", f"""name: {name}
source: {{ git: "{url}", branch: {name} }}
images: {{ web: {{ context: app }} }}
deploy: {{ podman: {{}}, manifests: [k8s] }}
""")


def building(port, number):
    stages = ask(port, "GET", f"/api/v1/runs/{number}")[1]["stages"]
    return next(stage for stage in stages if stage["name"] == "build")["status"] == "running"


def run():
    busy, idle = [], []
    with folder() as base, git_server(base) as address:
        url = f"{address}/web.git"
        repository = Repository(base, context="app")
        write(f"{repository.tree}/app/Dockerfile", DOCKERFILE)
        try:
            with ours(base, "serve", files=lambda base: files(base, url)):
                port = announced(base)
                token = sh(
                    FAIRLEAD, "token", "create", "--config", f"{base}/fairlead.yaml", "--role", "deployer", "--name", "bench",
                    env=dict(os.environ, BENCH_SECRET=SECRET)).strip()
                for number in range(ROUNDS):
                    idle.append(load(base, port, "/webhooks/github", f"idle{number}")[1])
                    runs = [announce(port, repository.commit(branch=name), url, name) for name in NAMES]
                    wait_for("two builds", lambda: all(building(port, one) for one in runs), 60)
                    busy.append(load(base, port, "/webhooks/github", f"busy{number}")[1])
                    for one in runs:
                        ask(port, "POST", f"/api/v1/runs/{one}/cancel", None, {"Authorization": f"Bearer {token}"})
        finally:
            sh(FAIRLEAD, "bench", "remove", f"{base}/data")
    line("accept_during_runs", median(busy), median(idle), "ms")
