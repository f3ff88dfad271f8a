"""The todo programs against what deploys them on one machine: ports, probes, settings and images, by their own word."""
import json
import re
import subprocess

import pytest
import yaml

PROGRAMS = ["backend", "event-service", "frontend"]


@pytest.fixture(scope="module")
def described(built, tmp_path_factory):
    """What each program says of itself, in a folder in which it must leave nothing."""
    folder = tmp_path_factory.mktemp("describe")
    told = {}
    for name in PROGRAMS:
        program = built / f"todo-{name}"
        if not program.exists():
            pytest.skip(f"{program} is not built")
        result = subprocess.run([program, "--describe"], cwd=folder, env={}, check=True, capture_output=True)
        told[name] = json.loads(result.stdout)
    assert not list(folder.iterdir()), "to describe itself, a program writes nothing"
    return told


@pytest.fixture(scope="module")
def manifests(root):
    objects = [item for file in (root / "deploy/todo/podman").glob("*.yaml") for item in yaml.safe_load_all(file.read_text())]
    return {(item["kind"], item["metadata"]["name"]): item for item in objects}


@pytest.mark.parametrize("name", PROGRAMS)
def test_ports_probes_and_settings_are_those_of_the_program(name, described, manifests):
    told = described[name]
    pod = manifests["Deployment", name]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    listens = {listener["name"]: listener["port"] for listener in told["listens"]}
    assert {port["name"]: port["containerPort"] for port in container["ports"]} == listens
    probe = container["readinessProbe"]["httpGet"]
    assert probe["path"] in told["paths"] and probe["port"] in listens
    service = manifests["Service", name]["spec"]
    assert service["selector"].items() <= pod["metadata"]["labels"].items()
    assert all(port["targetPort"] in listens and port["port"] == listens[port["targetPort"]] for port in service["ports"])
    known = {setting["name"] for setting in told["environment"]}
    assert {variable["name"] for variable in container.get("env", [])} <= known
    # A mistyped Service would leave its text in the value, and nobody would be told of it.
    services = {f"{service.upper().replace('-', '_')}_SERVICE_{end}" for kind, service in manifests if kind == "Service"
                for end in ("HOST", "PORT")}
    for variable in container.get("env", []):
        assert set(re.findall(r"\$\((\w+)\)", variable["value"])) <= services


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_image_has_a_containerfile_that_runs_the_program(name, root, described):
    port = described[name]["listens"][0]["port"]
    for file in (root / f"deploy/todo/{name}/Containerfile", root / f"pipelines/demo/todo/{name}/Dockerfile"):
        lines = file.read_text().splitlines()
        assert f"EXPOSE {port}" in lines
        assert f'ENTRYPOINT ["/usr/local/bin/todo-{name}"]' in lines
        assert "USER 10001:10001" in lines
        for line in lines:
            if line.startswith("COPY ") and "--from" not in line and file.name == "Containerfile":
                for source in line.split()[1:-1]:
                    if "*" not in source:
                        assert (root / source).exists(), f"{file} copies {source}, which is not there"


def test_the_programs_count_what_they_should(described):
    common = {"http_requests_total", "http_request_duration_seconds", "todo_build_info", "process_cpu_seconds_total",
              "process_resident_memory_bytes", "process_open_fds", "process_max_fds", "process_start_time_seconds"}
    own = {"backend": {"todo_task_changes_total", "todo_outbox_events", "todo_outbox_oldest_age_seconds",
                       "todo_events_published_total", "todo_event_publish_failures_total", "todo_state_failures_total"},
           "event-service": {"todo_events_received_total", "todo_event_processing_duration_seconds",
                             "todo_last_event_timestamp_seconds"},
           "frontend": set()}
    for name in PROGRAMS:
        assert common | own[name] <= set(described[name]["metrics"])
