"""Fairlead and the application at work on this machine, with a real Prometheus that scrapes them and has our rules."""

import json
import pathlib
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

import yaml

from alerting import REPOSITORY, rule_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/web"))

from push import commit, deliver, payload  # noqa: E402
from stage import PATIENCE, Stage, free_port  # noqa: E402

# As the sample's, without what makes its build long.
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY index.html /www/index.html
USER 65534
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"""
PROGRAMS = ("todo-backend", "todo-event-service", "todo-frontend", "fairlead")


def until(what, look, patience=PATIENCE):
    """Looks until there is something to see, and returns it. The bound is one that only a hang reaches."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if seen := look():
            return seen
        time.sleep(0.1)
    raise AssertionError(f"in {patience} s there was no {what}")


def fetch(address, method="GET", body=None, headers=None):
    """Sends a request and returns the status and the body; a status that says no is an answer like others."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(
        address, data=data, method=method, headers={"Content-Type": "application/json"} | (headers or {})
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class Watched:
    """A context: starts everything, and whatever happens inside, ends it."""

    def __init__(self, built):
        self.built = built
        self.stage = Stage()
        self.stage.program = str(built / "fairlead")

    def __enter__(self):
        self.stage.__enter__()
        try:
            self.stage.write("sample/Dockerfile", DOCKERFILE)
            self.fairlead = self.stage.serve(public="nothing")
            self.token = self.stage.token()
            self.events = self.program("event-service")
            self.backend = self.program("backend", EVENT_SERVICE_URL=self.events)
            self.frontend = self.program(
                "frontend",
                BACKEND_URL=self.backend,
                EVENT_SERVICE_URL=self.events,
                STATIC=str(ROOT / "deploy/todo/frontend/static"),
            )
            self.prometheus = self.watch()
        except BaseException:
            self.stage.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        self.stage.__exit__()

    def program(self, name, **settings):
        """Starts a program of the application and returns its address."""
        settings |= {"LISTEN": "127.0.0.1:0", "DATA": f"{self.stage.folder}/{name}"}
        log = pathlib.Path(self.stage.folder, f"{name}.log")
        process = self.stage.start(
            ["env", *(f"{key}={value}" for key, value in settings.items()), str(self.built / f"todo-{name}")], log.name
        )

        def port():
            assert process.poll() is None, log.read_text()
            lines = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
            return next((line["port"] for line in lines if line["message"] == "Listening"), None)

        return f"http://127.0.0.1:{until(f'port of {name}', port)}"

    def watch(self):
        """Starts Prometheus with our rules and returns its address, when it has scraped everything."""
        folder = pathlib.Path(self.stage.folder, "prometheus")
        folder.mkdir()
        for name, document in rule_files(ROOT).items():
            groups = [group | {"interval": "1s"} for group in document["spec"]["groups"]]
            (folder / f"{name}.rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
        # What the operator adds of a Service: its name as job, and its namespace.
        jobs = {
            "backend": ("todo", self.backend),
            "event-service": ("todo", self.events),
            "frontend": ("todo", self.frontend),
            "fairlead": ("fairlead", self.fairlead),
        }
        (folder / "prometheus.yaml").write_text(
            yaml.safe_dump(
                {
                    "global": {
                        "scrape_interval": "1s",
                        "evaluation_interval": "1s",
                        "external_labels": {"repository": REPOSITORY},
                    },
                    "rule_files": [f"{folder}/*.rules.yaml"],
                    "scrape_configs": [
                        {
                            "job_name": job,
                            "static_configs": [
                                {"targets": [address.removeprefix("http://")], "labels": {"namespace": namespace}}
                            ],
                        }
                        | ({"authorization": {"credentials": self.token}} if job == "fairlead" else {})
                        for job, (namespace, address) in jobs.items()
                    ],
                }
            )
        )
        port = free_port()
        self.stage.start(
            [
                "prometheus",
                f"--config.file={folder}/prometheus.yaml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            "prometheus.log",
        )
        address = f"http://127.0.0.1:{port}"

        def scraped():
            try:
                status, text = fetch(f"{address}/api/v1/targets")
            except (urllib.error.URLError, ConnectionError):
                return False
            targets = json.loads(text)["data"]["activeTargets"] if status == 200 else []
            return len(targets) == len(jobs) and all(target["health"] == "up" for target in targets)

        until("Prometheus that has scraped all", scraped)
        return address

    # What is asked.

    def query(self, expression):
        """The result of a query: pairs of labels and value."""
        status, text = fetch(f"{self.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        assert status == 200, text
        data = json.loads(text)["data"]
        assert data["resultType"] == "vector", expression
        return [(series["metric"], float(series["value"][1])) for series in data["result"]]

    def rules(self):
        """The alert rules as Prometheus has them, by name."""
        groups = json.loads(fetch(f"{self.prometheus}/api/v1/rules?type=alert")[1])["data"]["groups"]
        return {rule["name"]: rule for group in groups for rule in group["rules"]}

    def exposition(self, program):
        """What a program answers at /metrics."""
        address = {
            "todo-backend": self.backend,
            "todo-event-service": self.events,
            "todo-frontend": self.frontend,
            "fairlead": self.fairlead,
        }[program]
        status, text = fetch(f"{address}/metrics", headers={"Authorization": f"Bearer {self.token}"})
        assert status == 200, text
        return text

    # What is done.

    def use_tasks(self, count=20):
        """People at work: through the page's address, as they do."""
        tasks = f"{self.frontend}/api/tasks"
        for number in range(count):
            status, text = fetch(tasks, "POST", {"title": f"Task {number}"})
            assert status == 201, text
            one = f"{tasks}/{json.loads(text)['id']}"
            assert fetch(one)[0] == 200
            assert fetch(one, "PATCH", {"title": f"Task {number}, said better"}, {"If-Match": "*"})[0] == 200
            assert fetch(f"{one}/complete", "POST")[0] == 200
            if number % 2:
                assert fetch(one, "DELETE")[0] == 204
        fetch(tasks)
        fetch(f"{tasks}/{uuid.uuid4()}")
        fetch(f"{self.frontend}/api/events")

    def push(self, page):
        """Pushes a page, tells Fairlead, and returns the run when it has ended."""
        revision = commit(self.stage.work, page, page)
        for name, value in {"FAIRLEAD_URL": self.fairlead, "FAIRLEAD_WEBHOOK_SECRET": self.stage.secret}.items():
            self.environment.setenv(name, value)
        number = deliver(payload(revision, page, self.stage.url))["runs"][0]["id"]

        def ended():
            run = json.loads(
                fetch(f"{self.fairlead}/api/v1/runs/{number}", headers={"Authorization": f"Bearer {self.token}"})[1]
            )
            return run if run["status"] not in ("queued", "running") else None

        return until(f"end of run {number}", ended)

    def knock(self, times):
        """Sends deliveries that are signed with another secret."""
        for _ in range(times):
            status, _ = fetch(
                f"{self.fairlead}/webhooks/github",
                "POST",
                {"ref": "refs/heads/main"},
                {
                    "X-GitHub-Event": "push",
                    "X-GitHub-Delivery": str(uuid.uuid4()),
                    "X-Hub-Signature-256": "sha256=" + "0" * 64,
                },
            )
            assert status == 401
