"""A place to run deploy/stack in: the account, a Kubernetes behind its clusters, a real Fairlead in it, and tools that tell.

kubectl, terraform (or its stand-in), podman's stand-in and curl are behind small scripts that note every call and can kill
the process group that called, before or after a call. So a test ends deploy/stack at any point as a power cut would.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
import yaml

from ending import ends_with_us
from mock.account import Account
from mock.cloud import ADDRESS, Controllers
from mock.contract import Contract
from mock.server import Server

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OPERATOR, FOR_FAIRLEAD, GITHUB = "dop_v1_operator_3f9c", "dop_v1_fairlead_77ab", "github_pat_51d0"
WATCHED = ["curl", "kubectl", "podman", "terraform"]

CALL = """#!/bin/bash
printf '%s\\n' "{name} $*" >>"$CALLS"
n=$(wc -l <"$CALLS")
end() {{ kill -KILL -- "-$(ps -o pgid= -p $$ | tr -d ' ')"; }}
[ "$n" != "${{KILL_BEFORE-}}" ] || end
# It comes to its end by a signal alone, which is to reach it.
case " $* " in *" port-forward "*) exec {real} "$@" ;; esac
{real} "$@"
status=$?
[ "$n" != "${{KILL_AFTER-}}" ] || end
exit $status
"""

# Kinds that a cluster at DigitalOcean has from the start, and cert-manager's, which a real platform would bring.
KINDS = [("gateway.networking.k8s.io", "Gateway", "Namespaced"), ("gateway.networking.k8s.io", "HTTPRoute", "Namespaced"),
         ("cert-manager.io", "ClusterIssuer", "Cluster")]


def kind(group, name, scope):
    plural = name.lower() + "s"
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": scope, "names": {"kind": name, "plural": plural, "singular": name.lower()},
                     "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}]}}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


class World:
    def __init__(self, folder, built, terraform=None):
        """`terraform` is the real one, for where its provider is to be had."""
        for program in ("fairlead", "test-cluster"):
            if not (built / program).exists():
                pytest.skip(f"there is no {program} in {built}: swift build, or FAIRLEAD_BUILD")
        for tool in ("curl", "jq", "git", "flock", "ps"):
            if shutil.which(tool) is None:
                pytest.skip(f"there is no {tool} on this machine")
        contracts = pathlib.Path(os.environ.get("FAIRLEAD_CONTRACTS", ROOT.parent / "shared/contracts"))
        self.folder, self.built = folder, built
        self.account = Account(token=OPERATOR)
        self.account.tokens |= {FOR_FAIRLEAD, GITHUB}
        self.server = Server(self.account, Contract(contracts) if contracts.is_dir() else None)
        self.account.kubernetes = self.kubeconfig
        self.cluster = self.fairlead = self.controllers = None
        self.calls = folder / "calls"
        self.settings = {"NAME": "todo-test", "REGION": "fra1", "REGISTRY": "acme-todo", "BRANCH": "main",
                         "CONTROL_PLANE_ALLOWED": "203.0.113.7/32", "REPOSITORY": "acme/stack",
                         "HOST": "deploy.example.com", "TODO_HOST": "todo.example.com", "HA_CONTROL_PLANE": "true"}
        self.environment = {
            "DIGITALOCEAN_TOKEN": OPERATOR, "FAIRLEAD_DIGITALOCEAN_TOKEN": FOR_FAIRLEAD, "FAIRLEAD_GITHUB_TOKEN": GITHUB,
            "DIGITALOCEAN_API_URL": self.server.address, "GITHUB_API_URL": self.server.address + "/github",
            "STACK_STATE": str(folder / "state"), "STACK_POLL_SECONDS": "0.1", "HOME": str(folder), "LC_ALL": "C.UTF-8"}
        self.make_tools(terraform)
        self.lock = threading.Lock()

    # --- tools

    def make_tools(self, terraform):
        tools = self.folder / "tools"
        tools.mkdir()
        real = {name: shutil.which(name) for name in WATCHED}
        real["terraform"] = terraform or f"{sys.executable} {HERE}/mock/terraform"
        real["podman"] = f"{sys.executable} {HERE}/mock/podman"
        real["kubectl"] = HERE / "mock/kubectl"
        # What names lead to is asked here, so that no name server is.
        (tools / "getent").write_text(f"#!/bin/sh\necho {ADDRESS} STREAM\n")
        (tools / "getent").chmod(0o755)
        for name in WATCHED:
            (tools / name).write_text(CALL.format(name=name, real=real[name]))
            (tools / name).chmod(0o755)
        self.environment |= {"PATH": f"{tools}:{os.environ['PATH']}", "CALLS": str(self.calls),
                             "REAL_KUBECTL": shutil.which("kubectl"), "WORLD": str(self.folder / "world.json"),
                             "TF_CLI_CONFIG_FILE": os.environ.get("TF_CLI_CONFIG_FILE", "/dev/null")}

    def start(self, *arguments, **extra):
        """deploy/stack in a process group of its own, as a Popen."""
        with open(self.folder / "stack.env", "w") as file:
            file.writelines(f"{key}={value}\n" for key, value in self.settings.items())
        self.calls.write_text("")
        environment = self.environment | {key: str(value) for key, value in extra.items()}
        return ends_with_us(subprocess.Popen(
            [ROOT / "deploy/stack", *arguments], cwd=self.folder, env=environment, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True))

    def run(self, *arguments, says="", **extra):
        """Its exit status and what it said. Ended by a signal, the status is that signal's, negative."""
        self.process = process = self.start(*arguments, **extra)
        try:
            said, _ = process.communicate(says, timeout=300)
        finally:
            # What is in its session now outlived it. One that was just told to end may take a moment.
            self.left = not eventually(lambda: not session(process.pid), 10 if process.returncode == 0 else 0)
            for one in session(process.pid):
                end_hard(one)
        return process.returncode, said

    # --- Kubernetes

    def kubeconfig(self, cluster):
        """Called by the account, with its lock held: the first question starts the cluster's Kubernetes."""
        if self.cluster is None or self.cluster.of != cluster["id"]:
            self.cluster = Cluster(self.folder, self.built, cluster["id"])
            self.controllers = Controllers(self.account, cluster, self.cluster.address)
            self.fairlead = Fairlead(self)
        return self.cluster.kubeconfig

    def bill(self):
        with self.account.lock:
            return self.account.bill(), self.account.left()

    def close(self):
        for one in (self.fairlead, self.controllers, self.cluster):
            if one is not None:
                one.stop()
        self.server.close()


class Cluster:
    """Our own API server, which is faithful to the real one where an apply notices."""

    def __init__(self, folder, built, of):
        self.of = of
        file = folder / f"kubeconfig-{of}"
        self.process = ends_with_us(subprocess.Popen([built / "test-cluster", "--kubeconfig", file],
                                                     stdout=subprocess.PIPE, text=True))
        self.address = self.process.stdout.readline().strip()
        self.kubeconfig = file.read_text()
        for one in KINDS:
            self.ask("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", kind(*one))

    def ask(self, method, path, body=None):
        request = urllib.request.Request(self.address + path, method=method,
                                         data=json.dumps(body).encode() if body is not None else None)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())

    def touch(self, path):
        body = {"metadata": {"annotations": {"example.com/touched": str(time.monotonic())}}}
        request = urllib.request.Request(self.address + path, method="PATCH", data=json.dumps(body).encode())
        request.add_header("Content-Type", "application/merge-patch+json")
        urllib.request.urlopen(request, timeout=10).close()

    def get(self, path):
        """An object, or nothing."""
        try:
            return self.ask("GET", path)
        except OSError:
            return None

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()


class Fairlead:
    """The pod of deployment/fairlead: a real server with the configuration that was applied. Its pipelines have the names
    of those that were applied; what they deploy is small and comes from a repository on this machine."""

    def __init__(self, world):
        self.world, self.process = world, None
        self.folder = world.folder / f"fairlead-{world.cluster.of}"
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        cluster = self.world.cluster
        base = "/apis/apps/v1/namespaces/fairlead/deployments/fairlead"
        while not self.stopped.wait(0.1):
            deployment = cluster.get(base)
            if deployment and self.process is None:
                self.serve(deployment)
            # Our API server does not look again at a Deployment of type Recreate when its last old pod has gone.
            elif deployment and not deployment.get("status", {}).get("replicas"):
                cluster.touch(base)

    def serve(self, deployment):
        cluster = self.world.cluster
        names = {one["name"]: one.get("configMap", {}).get("name")
                 for one in deployment["spec"]["template"]["spec"]["volumes"]}
        maps = {one: cluster.get(f"/api/v1/namespaces/fairlead/configmaps/{names[one]}")["data"]
                for one in ("config", "pipelines")}
        (self.folder / "pipelines").mkdir(parents=True)
        self.applied = {name: yaml.safe_load(text) for name, text in maps["pipelines"].items()}
        settings = yaml.safe_load(maps["config"]["fairlead.yaml"])
        self.port = free_port()
        settings |= {"listen": f"127.0.0.1:{self.port}", "data": str(self.folder / "data"), "pipelines": "./pipelines"}
        settings.pop("builder")
        (self.folder / "fairlead.yaml").write_text(yaml.safe_dump(settings))
        (self.folder / "kubeconfig").write_text(cluster.kubeconfig)
        self.make_repository([one["name"] for one in self.applied.values()])
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "FAIRLEAD_SHARE": str(ROOT),
                       "FAIRLEAD_WEBHOOK_SECRET": "x", "DIGITALOCEAN_TOKEN": FOR_FAIRLEAD, "GITHUB_TOKEN": GITHUB}
        with open(self.folder / "log", "w") as log:
            self.process = ends_with_us(subprocess.Popen(
                [self.world.built / "fairlead", "serve", "--config", self.folder / "fairlead.yaml"], env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        told = {"fairlead": str(self.world.built / "fairlead"), "config": str(self.folder / "fairlead.yaml"), "port": self.port}
        (self.world.folder / "world.json").write_text(json.dumps({"environment": environment} | told))

    def make_repository(self, names):
        repository = self.folder / "repository"
        for name in names:
            namespace = next(one["deploy"]["namespace"] for one in self.applied.values() if one["name"] == name)
            objects = [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"is": "there"}},
                       {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name},
                        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Gi"}}}}]
            if name == "gateway":
                objects.append({"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "todo"},
                                "spec": {"gatewayClassName": "cilium"}})
            if name == "todo":
                objects.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
                                "spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}})
            (repository / name).mkdir(parents=True)
            (repository / name / "all.yaml").write_text(yaml.safe_dump_all(objects))
            pipeline = {"name": name, "source": {"git": f"file://{repository}", "branch": "main"},
                        "deploy": {"kubeconfig": str(self.folder / "kubeconfig"), "namespace": namespace,
                                   "manifests": [name]}}
            (self.folder / "pipelines" / f"{name}.yaml").write_text(yaml.safe_dump(pipeline))
        who = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
        for command in (["init", "-q", "-b", "main"], ["add", "."], [*who, "commit", "-q", "-m", "all"]):
            subprocess.run(["git", "-C", repository, *command], check=True)
        head = subprocess.run(["git", "-C", repository, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
        self.world.account.head = head.stdout.strip()

    def stop(self):
        self.stopped.set()
        self.thread.join()
        if self.process:
            self.process.terminate()
            self.process.wait()


def succeed(world, *arguments, **extra):
    """What deploy/stack said, if it came to its end."""
    status, said = world.run(*arguments, **extra)
    assert status == 0, said
    assert not world.left, "what it started has ended with it"
    return said


def session(leader):
    """The processes of a session."""
    found = subprocess.run(["ps", "-o", "pid=", "-g", str(leader)], capture_output=True, text=True)
    return [int(line) for line in found.stdout.split()]


def end_hard(process):
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def eventually(condition, seconds):
    """Whether it holds within that time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(0.05)
    return True


def runs_of(world):
    """All runs that Fairlead has had, by pipeline."""
    token = (world.folder / "state/todo-test/fairlead-token").read_text().strip()
    request = urllib.request.Request(f"http://127.0.0.1:{world.fairlead.port}/api/v1/runs?limit=100")
    request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request) as answer:
        runs = json.loads(answer.read())["runs"]
    found = {}
    for run in reversed(runs):
        found.setdefault(run["pipeline"], []).append(run["status"])
    return found


def command_lines():
    """The command line of every process on this machine that can be read."""
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                yield pathlib.Path(f"/proc/{entry}/cmdline").read_bytes()
            except OSError:
                pass
