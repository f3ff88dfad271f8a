"""What the application's manifests say of the programs is what the programs say of themselves; every Secret's key that
is read is written by somebody, and every one that is written is read."""

import json
import re
import subprocess
import urllib.parse

import pytest
import yaml

from manifests import ROOT
from rendering import kustomize, own, pipelines, render

PROGRAMS = ["backend", "event-service", "frontend"]


@pytest.fixture(scope="module")
def objects():
    return render("todo")


def one(objects, kind, name):
    return next(object for object in objects if object.kind == kind and object.name == name)


@pytest.fixture(params=PROGRAMS)
def program(request, built):
    """(name, what the program says of itself)."""
    executable = built / f"todo-{request.param}"
    if not executable.exists():
        pytest.skip(f"{executable} is not built")
    said = subprocess.run([executable, "--describe"], capture_output=True, text=True, timeout=30, check=True).stdout
    return request.param, json.loads(said)


def test_ports_have_listeners(program, objects):
    name, said = program
    listens = {port["name"]: port["port"] for port in said["listens"]}
    pod = one(objects, "Deployment", name).pod
    container = pod["spec"]["containers"][0]
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == listens
    for port in one(objects, "Service", name)["spec"]["ports"]:
        assert port["targetPort"] in listens and port["port"] == listens[port["targetPort"]]
    if pod["metadata"].get("annotations"):
        assert int(pod["metadata"]["annotations"]["dapr.io/app-port"]) == listens["http"]


def test_probes_and_monitors_have_handlers(program, objects):
    name, said = program
    pod = one(objects, "Deployment", name).pod
    container = pod["spec"]["containers"][0]
    asked = [container[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")]
    asked += [endpoint["path"] for endpoint in one(objects, "ServiceMonitor", "todo")["spec"]["endpoints"]]
    asked += [
        value for key, value in (pod["metadata"].get("annotations") or {}).items() if key.endswith("health-check-path")
    ]
    assert set(asked) <= set(said["paths"])


def test_what_is_set_is_read(program, objects):
    name, said = program
    declared = {variable["name"]: variable for variable in said["environment"]}
    for variable in one(objects, "Deployment", name).pod["spec"]["containers"][0].get("env", []):
        assert variable["name"] in declared
        assert declared[variable["name"]]["secret"] == (
            "valueFrom" in variable
        ), f"{variable['name']} is no secret, or is one"


def test_components_have_the_names_that_programs_ask_for(program):
    name, said = program
    components = {object.name: object for object in own("todo") if object.kind == "Component"}
    for variable in said["environment"]:
        kind = {"STATE_STORE": "state.", "PUBSUB": "pubsub."}.get(variable["name"])
        if kind:
            component = components[variable["default"]]
            assert component["spec"]["type"].startswith(kind) and name in component["scopes"]


def test_topics_are_those_that_are_subscribed_to(program):
    name, said = program
    if name != "event-service":
        return
    subscribed = {
        f"todo.tasks.{path.removeprefix('/events/')}" for path in said["paths"] if path.startswith("/events/")
    }
    topics = {object.name for object in own("kafka") if object.kind == "KafkaTopic"}
    assert subscribed | {"todo.tasks.dead-letter"} == topics


def scopes(component, name):
    """Topics by application, as Dapr reads them."""
    (text,) = (one["value"] for one in component["spec"]["metadata"] if one["name"] == name)
    return {one.split("=")[0]: set(filter(None, one.split("=")[1].split(","))) for one in text.split(";")}


def test_a_program_has_the_topics_that_it_uses_and_no_other(program, root):
    """An application that a scope does not name may use every topic: each that sees the component is named."""
    name, said = program
    (component,) = (object for object in own("todo") if object.kind == "Component" and object.name == "pubsub")
    publishing, subscription = (scopes(component, f"{one}Scopes") for one in ("publishing", "subscription"))
    assert publishing.keys() == subscription.keys() == set(component["scopes"])
    if name == "backend":
        kinds = {f"todo.tasks.{file.stem}" for file in (root / "deploy/todo/schemas").glob("*.avsc")}
        assert publishing[name] == kinds and subscription[name] == set()
    elif name == "event-service":
        paths = {path.removeprefix("/events/") for path in said["paths"] if path.startswith("/events/")}
        assert subscription[name] == {f"todo.tasks.{one}" for one in paths}
        # A letter that cannot be delivered is published by the sidecar of whom it was for.
        assert publishing[name] == {"todo.tasks.dead-letter"} and publishing[name] <= subscription[name]
    else:
        assert name not in component["scopes"]


def test_a_pod_is_given_the_time_that_its_program_takes_to_end(program, objects, root):
    name, _ = program
    text = (root / "deploy/todo/common/Program.swift").read_text()
    (grace,) = re.findall(r"let grace = Duration.seconds\((\d+)\)", text)
    (spans,) = re.findall(r"shutdown\(within: .seconds\((\d+)\)\)", text)
    alone = yaml.safe_load_all((root / f"deploy/todo/podman/{name}.yaml").read_text())
    (alone,) = (one["spec"]["template"] for one in alone if one["kind"] == "Deployment")
    for pod in (one(objects, "Deployment", name).pod, alone):
        assert pod["spec"]["terminationGracePeriodSeconds"] > int(grace) + int(spans)


def route(objects, path):
    """(Service, path there) of a request to the gateway; None where it is answered by the gateway itself.

    Gateway API: an exact match wins, then the longest prefix of whole elements.
    """
    best = None
    for rule in one(objects, "HTTPRoute", "todo")["spec"]["rules"]:
        for match in rule["matches"]:
            kind, value = match["path"]["type"], match["path"]["value"]
            fits = path == value if kind == "Exact" else (path + "/").startswith(value.rstrip("/") + "/")
            rank = (kind == "Exact", len(value))
            if fits and (best is None or rank > best[0]):
                best = (rank, rule)
    rule = best[1]
    for filter in rule.get("filters", []):
        if filter["type"] == "RequestRedirect":
            return None
        if filter["type"] == "URLRewrite":
            rewrite = filter["urlRewrite"]["path"]
            path = rewrite.get("replaceFullPath") or rewrite["replacePrefixMatch"]
    return rule["backendRefs"][0]["name"], path


def test_the_gateway_takes_paths_to_who_serves_them(program, objects):
    name, said = program
    for path in said["paths"]:
        asked = path.replace("{id}", "0197").rstrip("*")
        if path in ("/healthz", "/readyz", "/metrics"):
            assert route(objects, asked) is None, "what is said of a pod is not for the world"
        elif name != "frontend" and path.startswith("/api"):
            assert route(objects, asked) == (name, asked)
        elif name == "frontend" and path == "/":
            assert route(objects, "/") == ("frontend", "/") and route(objects, "/app.css") == ("frontend", "/app.css")
        else:
            assert path.startswith(("/events/", "/dapr/")) or name == "frontend"
            assert name == "frontend" or route(objects, asked)[0] == "frontend", f"{path} can be reached from outside"


METHODS = ("get", "post", "put", "patch", "delete")


def target(check, host, objects):
    """(program, port or None, method, path) of a check of the application's smoke test."""
    (method,) = (method for method in METHODS if method in check)
    address = urllib.parse.urlsplit(re.sub(r"\{\{ *\w+ *\}\}", "0197", check[method]))
    if address.scheme == "service":
        return address.hostname, address.port, method.upper(), address.path
    assert address.scheme == "https" and address.hostname == host
    program, path = route(objects, address.path)
    return program, None, method.upper(), path


def test_what_the_smoke_test_asks_for_is_there(program, objects):
    name, said = program
    todo = pipelines()["todo"]
    checks = [target(check, todo["deploy"]["helm"]["set"]["host"], objects) for check in todo["smokeTest"]]
    asked = [check for check in checks if check[0] == name]
    assert asked, f"the smoke test asks nothing of {name}"
    for _, port, method, path in asked:
        assert port in (None, said["listens"][0]["port"])
        fitting = [
            line
            for line in said["routes"]
            if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(line.split()[1])), path)
            and line.split()[0] in (method, "*")
        ]
        assert fitting, f"{name} has no route for {method} {path}: {said['routes']}"


def test_the_smoke_test_takes_a_task_through_all_programs_and_away_again(objects):
    todo = pipelines()["todo"]
    checks = [target(check, todo["deploy"]["helm"]["set"]["host"], objects) for check in todo["smokeTest"]]
    task = [check[:1] + check[2:] for check in checks if "0197" in check[3] or check[2] != "GET"]
    made = next(check for check in todo["smokeTest"] if "post" in check)
    assert made["post"].startswith("https://") and made["capture"] == {"task": "id"}
    assert task[0] == ("backend", "POST", "/api/tasks") and task[-1] == ("backend", "DELETE", "/api/tasks/0197")
    assert ("backend", "GET", "/api/tasks/0197") in task
    assert any("event-service" in check.get("get", "") and "{{task}}" in check["get"] for check in todo["smokeTest"])


# Secrets


def readers(namespace, objects):
    """(namespace, Secret, key, who) of every key that an object reads; key None where it reads all."""
    for object in objects:
        yield from ((namespace, *found, str(object)) for found in _read(object))
        annotations = (object.pod or {}).get("metadata", {}).get("annotations") or {}
        for key in ("dapr.io/api-token-secret", "dapr.io/app-token-secret"):
            if key in annotations:
                yield namespace, annotations[key], "token", str(object)


def _read(value):
    if isinstance(value, list):
        for item in value:
            yield from _read(item)
    elif isinstance(value, dict):
        for key, inner in value.items():
            if key == "secretKeyRef":
                yield inner["name"], inner["key"]
            elif key == "secretRef":
                yield inner["name"], None
            elif key == "brokerCertChainAndKey":
                yield inner["secretName"], inner["certificate"]
                yield inner["secretName"], inner["key"]
            elif key == "certificateRefs":
                for reference in inner:
                    yield reference["name"], "tls.crt"
            elif key == "ca" and "secretName" in inner:
                yield inner["secretName"], "tls.key"
            else:
                yield from _read(inner)


def writers():
    """(namespace, Secret, key) of every key that somebody makes."""
    made = set()
    for line in (ROOT / "deploy/platform/secrets.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            namespace, secret, key = line.split()
            made.add((namespace, secret, key))
    for name, pipeline in pipelines().items():
        namespace = pipeline["deploy"]["namespace"]
        made |= {(namespace, f"{name}-secrets", key) for key in pipeline.get("secrets", {})}
        for object in own(name):
            if object.kind == "Certificate":
                made |= {(namespace, object["spec"]["secretName"], key) for key in ("ca.crt", "tls.crt", "tls.key")}
            # cert-manager makes one for each listener of a Gateway that names an issuer.
            if object.kind == "Gateway" and any(key.startswith("cert-manager.io/") for key in object.annotations):
                for listener in object["spec"]["listeners"]:
                    made |= {
                        (namespace, reference["name"], "tls.crt")
                        for reference in listener.get("tls", {}).get("certificateRefs", [])
                    }
    return made


def all_readers():
    found = [
        reader
        for name, pipeline in pipelines().items()
        for reader in readers(pipeline["deploy"]["namespace"], own(name))
    ]
    server = [o for o in kustomize("deploy/fairlead/overlays/doks") if o.pod]
    found += [reader for object in server for reader in readers(object.namespace, [object])]
    # Charts read what their values name.
    values = yaml.safe_load((ROOT / "deploy/platform/monitoring/values.yaml").read_text())
    admin, alerts = values["grafana"]["admin"], values["alertmanager"]["alertmanagerSpec"]
    found += [("monitoring", admin["existingSecret"], admin[key], "Grafana") for key in ("userKey", "passwordKey")]
    found += [("monitoring", alerts["configSecret"], "alertmanager.yaml", "Alertmanager")]
    # A pipeline's secret is read from the server's own.
    for name, pipeline in pipelines().items():
        found += [
            ("fairlead", "fairlead-pipelines", source["env"], f"pipeline {name}")
            for source in pipeline.get("secrets", {}).values()
        ]
    return found


def test_every_key_that_is_read_is_written():
    made = writers()
    found = all_readers()
    assert len(found) > 15
    for namespace, secret, key, who in found:
        if key is None:
            assert any(made_key[:2] == (namespace, secret) for made_key in made), who
        else:
            assert (namespace, secret, key) in made, f"{who} reads {key} of {namespace}/{secret}, which nobody writes"


def test_every_key_that_is_written_is_read():
    found = {(namespace, secret, key) for namespace, secret, key, _ in all_readers()}
    for namespace, secret, key in writers():
        if key in ("ca.crt", "tls.crt", "tls.key"):
            # Of a certificate, one is enough.
            assert any((namespace, secret) == place[:2] for place in found), f"nobody reads {namespace}/{secret}"
        else:
            assert (namespace, secret, key) in found, f"nobody reads {key} of {namespace}/{secret}"


def test_both_sides_of_a_password_have_the_same_one():
    """Kafka's and the application's pipelines read it from one place, and so do Redis's."""
    sources = {}
    for name, pipeline in pipelines().items():
        for key, source in pipeline.get("secrets", {}).items():
            sources.setdefault(key, {})[name] = source
    for key, ends in [("KAFKA_PASSWORD", {"kafka", "todo"}), ("REDIS_PASSWORD", {"redis", "todo"})]:
        assert sources[key].keys() == ends and len({json.dumps(source) for source in sources[key].values()}) == 1


def test_no_secret_is_in_a_manifest():
    """A value is a reference or nothing; a password is on no command line."""
    for name in pipelines():
        for object in own(name):
            if object.kind == "Secret":
                assert not any((object.get("data") or {}).values()) and not object.get("stringData")
            for container in (object.pod or {"spec": {"containers": []}})["spec"]["containers"]:
                line = " ".join([*container.get("command", []), *container.get("args", [])])
                assert not re.search(r"(--requirepass|--pass(word)?[ =]|--user[ =]|-a \S*\$)", line), str(object)
                for variable in container.get("env", []):
                    secret = re.search(r"PASSWORD|TOKEN|SECRET", variable["name"])
                    assert not secret or "valueFrom" in variable, f"{object}: {variable['name']}"
