"""Deploys to a Kubernetes API server: 50 objects beside kubectl, and how soon the end of a rollout is seen."""

import contextlib
import http.client
import json
import os
import re
import sys
import threading
import time
from datetime import datetime

import yaml

from accept import announced, write
from road import Repository, ask, push, server
from support import FAIRLEAD, ROOT, ROUNDS, folder, git_server, line, median, running, sh, timed, wait_for

CLUSTER = f"{ROOT}/.build/release/test-cluster"
KUBECTL = f"{os.path.dirname(sys.executable)}/kubectl"
OBJECTS = 50


def objects(namespace, value):
    """Plain objects, so that nothing but applying them is measured."""
    return [{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"settings-{n}", "namespace": namespace},
             "data": {f"key-{k}": f"{value} {n} {k}" for k in range(10)}} for n in range(OBJECTS)]


@contextlib.contextmanager
def cluster(base):
    """A test cluster; yields its port. Pods take a while, as anywhere: kubectl is there before they are ready."""
    config = f"{base}/kubeconfig"
    with running([CLUSTER, "--kubeconfig", config, "--ready-delay", "1500"], f"{base}/cluster.log"):
        wait_for("the test cluster", lambda: os.path.exists(config) and os.path.getsize(config))
        with open(config) as file:
            address = yaml.safe_load(file)["clusters"][0]["cluster"]["server"]
        yield int(address.rsplit(":", 1)[1])


class Watch(threading.Thread):
    """Hears what the API server says of Deployment web and its ReplicaSets, and when."""

    def __init__(self, port, resource):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection("127.0.0.1", port)
        self.connection.request("GET", f"/apis/apps/v1/namespaces/web/{resource}?watch=true")
        self.answer = self.connection.getresponse()
        self.heard = []
        self.start()

    def run(self):
        with contextlib.suppress(Exception):
            while text := self.answer.readline():
                self.heard.append((time.time(), json.loads(text)["object"]))

    def first(self, since, holds):
        """When the condition came to hold for good."""
        began = None
        for moment, thing in self.heard:
            if moment >= since:
                began = (began or moment) if holds(thing) else None
        return began


def complete(deployment):
    status, spec = deployment.get("status", {}), deployment["spec"]
    return (status.get("observedGeneration") == deployment["metadata"]["generation"]
            and status.get("updatedReplicas") == status.get("replicas") == status.get("availableReplicas") == spec["replicas"])


def deploy_stage(port):
    """Start and end of the newest run's deploy stage, in seconds since 1970."""
    number = ask(port, "GET", "/api/v1/runs?limit=1")[1]["runs"][0]["id"]
    stages = ask(port, "GET", f"/api/v1/runs/{number}")[1]["stages"]
    stage = next(stage for stage in stages if stage["name"] == "deploy")
    return [datetime.fromisoformat(stage[key].replace("Z", "+00:00")).timestamp() for key in ("startedAt", "finishedAt")]


def kubectl(base, *arguments, **options):
    environment = {"PATH": os.environ["PATH"], "HOME": base, "KUBECONFIG": f"{base}/kubeconfig"}
    return sh(KUBECTL, *arguments, env=environment, **options)


def applied(port):
    """Seconds from the first question about an object until all are applied and their journal is on the disk."""
    number = ask(port, "GET", "/api/v1/runs?limit=1")[1]["runs"][0]["id"]
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", f"/api/v1/runs/{number}/stages/deploy/log", headers={"Accept": "text/plain"})
    found = re.search(r"(\d+) objects were applied in (\d+) ms", connection.getresponse().read().decode())
    connection.close()
    if int(found[1]) < OBJECTS:
        raise SystemExit(f"bench: only {found[1]} objects were applied")
    return int(found[2]) / 1000


def apply_50(base, port, repository, url):
    """Applying, with the journal that an undo needs, beside kubectl, which keeps none. kubectl has its cache of what the
    server knows; Fairlead asks for that anew. `k8s_deploy_50` is the whole stage: rendering, health and proof too."""
    ours, stages, theirs = [], [], []
    for number in range(ROUNDS + 1):
        write(f"{repository.tree}/k8s/settings.yaml", yaml.safe_dump_all(objects("web", f"round {number}")))
        push(port, repository.commit(changing="notes.txt"), url)
        start, end = deploy_stage(port)
        ours.append(applied(port))
        stages.append(end - start)
        write(f"{base}/peer.yaml", yaml.safe_dump_all(objects("peer", f"round {number}")))
        theirs.append(timed(lambda: kubectl(base, "apply", "--server-side", "--filename", f"{base}/peer.yaml")))
    # The first round makes the objects, and kubectl's cache.
    line("k8s_apply_50", median(ours[1:]), median(theirs[1:]), "s")
    line("k8s_deploy_50", median(stages[1:]), median(theirs[1:]), "s")


def rollout_seen(base, cluster_port, port, repository, url):
    ours, theirs = [], []
    watches = [Watch(cluster_port, "deployments"), Watch(cluster_port, "replicasets")]
    for _ in range(ROUNDS):
        since = time.time()
        revision = repository.commit()
        pushing = threading.Thread(target=push, args=(port, revision, url))
        pushing.start()
        generation = lambda: watches[0].heard[-1][1]["metadata"]["generation"]
        before = generation()
        wait_for("the new template", lambda: generation() > before)
        kubectl(base, "--namespace", "web", "rollout", "status", "deployment/web")
        peer_end = time.time()
        pushing.join()
        end = deploy_stage(port)[1]
        deployed = watches[0].first(since, complete)
        retired = max(moment for moment, thing in watches[1].heard
                      if moment <= end and thing["spec"]["replicas"] == 0 and not thing.get("status", {}).get("replicas"))
        ours.append((end - max(deployed, retired)) * 1000)
        theirs.append((peer_end - deployed) * 1000)
    line("rollout_seen_ms", median(ours), median(theirs), "ms")


def run():
    with folder() as base, git_server(base) as address, cluster(base) as cluster_port:
        url = f"{address}/web.git"
        repository = Repository(base, context="app")
        # The first bench is about objects that are applied and nothing else: no pod is waited for.
        workload = f"{repository.tree}/k8s/web.yaml"
        os.rename(workload, f"{base}/web.yaml")
        namespaces = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}} for name in ("web", "peer")]
        kubectl(base, "apply", "--server-side", "--filename", "-", input=yaml.safe_dump_all(namespaces))
        repository.commit()
        pipeline = f"""images: {{ web: {{ context: app }} }}
deploy: {{ kubeconfig: {{ file: "{base}/kubeconfig" }}, namespace: web, manifests: [k8s] }}"""
        try:
            with server(base, url, pipeline):
                port = announced(base)
                apply_50(base, port, repository, url)
                os.remove(f"{repository.tree}/k8s/settings.yaml")
                os.rename(f"{base}/web.yaml", workload)
                push(port, repository.commit(), url)
                rollout_seen(base, cluster_port, port, repository, url)
        finally:
            sh(FAIRLEAD, "bench", "remove", f"{base}/data")
