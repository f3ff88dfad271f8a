"""Everything that is deployed is what Kubernetes and the platform's kinds say it may be."""

import re
import subprocess

import pytest
import yaml

from manifests import ROOT, Object, Schemas, read
from rendering import NoChart, helm, kustomize, merged, own, pipelines, render, stack

# Of published charts; nobody has given their schemas.
WITHOUT_SCHEMA = {
    "APIService",
    "Alertmanager",
    "CustomResourceDefinition",
    "MutatingWebhookConfiguration",
    "Prometheus",
    "ValidatingWebhookConfiguration",
}


@pytest.fixture(scope="module")
def schemas(contracts):
    return Schemas(contracts)


@pytest.mark.parametrize("name", pipelines())
def test_what_is_written_here_is_valid(name, schemas):
    objects = own(name)
    assert objects or name == "metrics-server"
    for object in objects:
        faults = schemas.faults(object)
        assert faults is not None, f"{object} has no schema"
        assert not faults, "\n".join(faults)


@pytest.mark.parametrize("name", pipelines())
def test_what_charts_make_of_our_values_is_valid(name, schemas):
    try:
        objects = render(name)
    except NoChart as missing:
        pytest.skip(f"{name}: {missing}")
    faults = [fault for object in objects for fault in schemas.faults(object) or []]
    assert not faults, "\n".join(faults)
    unknown = {object.kind for object in objects if schemas.faults(object) is None}
    assert unknown <= WITHOUT_SCHEMA, unknown


@pytest.mark.parametrize("folder", ["deploy/platform/namespaces", "deploy/fairlead/overlays/doks"])
def test_what_an_administrator_applies_is_valid(folder, schemas):
    for object in kustomize(folder):
        faults = schemas.faults(object)
        assert not faults, "\n".join(faults)


@pytest.mark.parametrize("file", ["production.yaml", "small.yaml"])
def test_the_application_is_valid_with_both_sets_of_values(file, schemas):
    for object in todo(file):
        faults = schemas.faults(object)
        assert faults == [], "\n".join(faults or [f"{object} has no schema"])


def todo(file):
    """The application's chart with a file of values."""
    chart = ROOT / "deploy/todo/chart"
    return helm(chart, yaml.safe_load((chart / file).read_text()), "todo", "todo")


@pytest.mark.parametrize("name", pipelines())
def test_a_release_stays_in_its_namespace(name):
    """Fairlead refuses what names another one."""
    namespace = pipelines()[name]["deploy"]["namespace"]
    try:
        objects = render(name)
    except NoChart as missing:
        pytest.skip(f"{name}: {missing}")
    for object in objects:
        assert object.namespace in (None, namespace), str(object)


def test_kinds_are_those_that_the_server_allows_and_has_rights_for():
    standard = {
        "ConfigMap",
        "Secret",
        "Service",
        "ServiceAccount",
        "PersistentVolumeClaim",
        "Deployment.apps",
        "StatefulSet.apps",
        "DaemonSet.apps",
        "HorizontalPodAutoscaler.autoscaling",
        "PodDisruptionBudget.policy",
        "NetworkPolicy.networking.k8s.io",
        "HTTPRoute.gateway.networking.k8s.io",
    }
    allowed = {line for line in (ROOT / "deploy/platform/kinds.txt").read_text().split("\n") if line and line[0] != "#"}
    try:
        objects = stack()
        complete = True
    except NoChart:
        objects, complete = stack(only_own=True), False
    kinds = {".".join(filter(None, [object.kind, object.group])) for _, object in objects}
    assert kinds - standard <= allowed
    if complete and any(object.kind == "PrometheusRule" for _, object in objects):
        assert allowed <= kinds, "the server allows what nobody needs"
    rules = next(object for object in read("deploy/platform/namespaces/rights.yaml") if object.kind == "ClusterRole")[
        "rules"
    ]
    rights = {
        (group, resource)
        for rule in rules
        if "delete" in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    for kind in kinds | allowed:
        kind, _, group = kind.partition(".")
        plural = (re.sub(r"([^aeiou])y$", r"\1ie", kind) + ("es" if kind.endswith("s") else "s")).lower()
        assert (group, plural) in rights, f"{kind}.{group} is not in rights.yaml"


def test_the_server_of_the_stack_allows_these_kinds():
    config = ROOT / "deploy/fairlead/overlays/stack/config/fairlead.yaml"
    if not config.exists():
        pytest.skip(f"{config.relative_to(ROOT)} is not here")
    allowed = [line for line in (ROOT / "deploy/platform/kinds.txt").read_text().split("\n") if line and line[0] != "#"]
    assert sorted(yaml.safe_load(config.read_text())["kubernetes"]["allow"]) == sorted(allowed)


def test_every_namespace_is_there_before_its_pipeline():
    made = {object.name for object in read("deploy/platform/namespaces/namespaces.yaml")}
    wanted = {pipeline["deploy"]["namespace"] for pipeline in pipelines().values()} - {"kube-system"}
    assert made == wanted


def test_definitions_come_before_what_they_define():
    """A pipeline's own kinds are its chart's or an earlier one's."""
    known = {"gateway.networking.k8s.io"}  # DOKS brings it.
    provides = {
        "monitoring": "monitoring.coreos.com",
        "cert-manager": "cert-manager.io",
        "strimzi": "kafka.strimzi.io",
        "dapr": "dapr.io",
    }
    for name in pipelines():
        if name in provides:
            known.add(provides[name])
        try:
            objects = render(name)
        except NoChart:
            objects = own(name)
        custom = {object.group for object in objects if "." in object.group and not object.group.endswith(".k8s.io")}
        assert custom <= known, f"{name} comes before what defines {custom - known}"


@pytest.mark.parametrize("name", ["monitoring", "cert-manager", "strimzi", "dapr"])
def test_charts_bring_the_definitions(name):
    try:
        kinds = {object["spec"]["group"] for object in render(name) if object.kind == "CustomResourceDefinition"}
    except NoChart as missing:
        pytest.skip(f"{name}: {missing}")
    assert {
        "monitoring": "monitoring.coreos.com",
        "cert-manager": "cert-manager.io",
        "strimzi": "kafka.strimzi.io",
        "dapr": "dapr.io",
    }[name] in kinds


def test_published_charts_are_pinned():
    charts = [
        p["deploy"]["helm"]
        for p in pipelines().values()
        if p["deploy"].get("helm", {}).get("chart", "").startswith("https")
    ]
    assert len(charts) == 5
    for chart in charts:
        assert any(character.isdigit() for character in chart["chart"].rpartition("/")[2]), "no version"
        assert re.fullmatch("[0-9a-f]{64}", chart.get("sha256", "")), f"{chart['chart']} may be another one tomorrow"


def test_a_path_of_each_source_is_watched():
    """A change of what a pipeline deploys starts it."""
    for name, pipeline in pipelines().items():
        chart = pipeline["deploy"].get("helm", {})
        files = [*chart.get("values", []), *chart.get("manifests", []), *pipeline["deploy"].get("manifests", [])]
        files += [chart["kustomize"]] if "kustomize" in chart else []
        files += [chart["chart"]] if chart and not chart["chart"].startswith("https") else []
        for file in files:
            watched = any(
                file == glob or (glob.endswith("/**") and (file + "/").startswith(glob[:-2]))
                for glob in pipeline["source"]["paths"]
            )
            assert watched, f"{name} does not watch {file}"


def test_pipelines_are_what_fairlead_takes(built):
    program = built / "fairlead"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    files = [str(ROOT / f"pipelines/stack/{name}.yaml") for name in pipelines()]
    told = subprocess.run([program, "validate", *files], capture_output=True, text=True)
    assert told.returncode == 0, told.stdout + told.stderr
