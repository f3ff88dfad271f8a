"""Everything fits on the nodes that Terraform makes, and costs what it says."""
import dataclasses
import json
import re

import hcl2
import pytest

import pods
from manifests import ROOT
from rendering import NoChart, kustomize, pipelines, render

# What Kubernetes may give away of a node, in cores and bytes: less than the machine has, as DOKS keeps some for itself.
NODES = {"s-2vcpu-4gb": (1.9, 2.5 * 2**30), "s-4vcpu-8gb": (3.9, 6 * 2**30), "s-8vcpu-16gb": (7.9, 13 * 2**30)}
# What DOKS itself runs on every node: network, volumes, name service, agents. More than was ever seen.
SYSTEM = (0.6, 512 * 2**20)

# Pods of published charts with our values, for a machine without the charts; written by a run with
# FAIRLEAD_CHARTS and FAIRLEAD_RECORD=1.
RECORD = ROOT / "Tests/stack/published_pods.json"


def recorded():
    return {name: [pods.Pods(**pod) for pod in found] for name, found in json.loads(RECORD.read_text()).items()}


def everything():
    found = [pod for list in recorded().values() for pod in list]
    for name in pipelines():
        if name not in pods.published():
            found += pods.of(render(name), name)
    return found + pods.of_fairlead(kustomize)


def nodes():
    """The defaults of the node pool: size, min, max."""
    text = (ROOT / "deploy/terraform/variables.tf").read_text()
    pool = re.search(r'variable "nodes".*?object\(\{(.*?)\}\)', text, re.DOTALL).group(1)
    value = lambda name: re.search(rf"{name}\s*=\s*optional\(\w+, \"?([\w-]+)\"?\)", pool).group(1)
    return value("size"), int(value("min")), int(value("max"))


def packed(found, count_of):
    """How many nodes it takes if each pod goes to the first that has room for it, the largest first."""
    size = NODES[nodes()[0]]
    daemons = [pod for pod in found if pod.everywhere]
    free = [size[i] - SYSTEM[i] - sum((pod.cpu, pod.memory)[i] for pod in daemons) for i in (0, 1)]
    bins = []
    rest = [pod for pod in found if not pod.everywhere and pod.pool == "work"]
    for pod in sorted(rest, key=lambda pod: pod.memory, reverse=True):
        for _ in range(count_of(pod)):
            assert pod.cpu <= free[0] and pod.memory <= free[1], f"{pod.name} fits on no node"
            for bin in bins:
                if bin[0] >= pod.cpu and bin[1] >= pod.memory and not (pod.apart and pod.name in bin[2]):
                    break
            else:
                bins.append(bin := [*free, set()])
            bin[0] -= pod.cpu
            bin[1] -= pod.memory
            bin[2].add(pod.name)
    return len(bins)


@pytest.mark.parametrize("name", pods.published())
def test_what_is_recorded_of_published_charts_is_true(name):
    import os
    try:
        found = pods.of_charts(name)
    except NoChart as missing:
        pytest.skip(f"{name}: {missing}")
    if os.environ.get("FAIRLEAD_RECORD"):
        record = json.loads(RECORD.read_text()) if RECORD.exists() else {}
        record[name] = [dataclasses.asdict(pod) for pod in found]
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
    assert recorded()[name] == found


def test_every_pod_says_what_it_needs():
    for pod in everything():
        assert pod.cpu > 0 and pod.memory > 0, f"{pod.name} asks for nothing: it may be put where nothing is left"


def test_requests_fit_the_node_pool():
    size, _, most = nodes()
    found = everything()
    at_rest, under_load = packed(found, lambda pod: pod.count), packed(found, lambda pod: pod.most)
    assert at_rest < most, f"at rest {at_rest} nodes of {size} are needed: none of {most} may go"
    assert under_load <= most, f"under load {under_load} nodes of {size} are needed, and {most} are all"


def test_the_price_is_of_as_many_nodes_as_are_needed_at_rest():
    text = (ROOT / "deploy/terraform/prices.tf").read_text()
    stated = int(re.search(r"nodes_at_rest = max\(var\.nodes\.min, (\d+)\)", text).group(1))
    assert packed(everything(), lambda pod: pod.count) == stated


def test_the_builder_fits_on_its_own_node():
    text = (ROOT / "deploy/terraform/variables.tf").read_text()
    size = re.search(r'variable "build_node".*?default\s*=\s*"(.*?)"', text, re.DOTALL).group(1)
    daemons = [pod for pod in everything() if pod.everywhere]
    for pod in [pod for pod in everything() if pod.pool == "builds"]:
        assert pod.cpu + SYSTEM[0] + sum(d.cpu for d in daemons) <= NODES[size][0]
        assert pod.memory + SYSTEM[1] + sum(d.memory for d in daemons) <= NODES[size][1]
    assert any(pod.pool == "builds" for pod in everything())


def test_the_application_for_one_small_node_fits_on_one():
    from test_manifests import todo
    small = list(pods.of(todo("small.yaml"), "todo"))
    assert sum(pod.most * pod.memory for pod in small) < 512 * 2**20
    assert sum(pod.most * pod.cpu for pod in small) < 0.25
    assert all(pod.most == 1 for pod in small)


def claims():
    """GiB of block storage by who claims it."""
    found = {}
    def add(name, size, count=1):
        found[name] = found.get(name, 0) + pods.quantity(size) / 2**30 * count
    for object in [*kustomize("deploy/fairlead/overlays/doks"), *render("kafka"), *render("redis"), *render("jaeger")]:
        spec = object.get("spec") or {}
        if object.kind == "PersistentVolumeClaim":
            add(object.name, spec["resources"]["requests"]["storage"])
        for claim in spec.get("volumeClaimTemplates", []):
            add(object.name, claim["spec"]["resources"]["requests"]["storage"], spec["replicas"])
        if object.kind == "KafkaNodePool":
            for volume in spec["storage"]["volumes"]:
                add("kafka", volume["size"], spec["replicas"])
    return found


def test_the_price_counts_every_volume():
    import yaml
    stated = re.search(r'variable "volumes_gib".*?default = \{(.*?)\}', (ROOT / "deploy/terraform/variables.tf").read_text(),
                       re.DOTALL).group(1)
    stated = {name: float(size) for name, size in re.findall(r"(\w+)\s*=\s*(\d+)", stated)}
    values = yaml.safe_load((ROOT / "deploy/platform/monitoring/values.yaml").read_text())
    claim = values["prometheus"]["prometheusSpec"]["storageSpec"]["volumeClaimTemplate"]
    prometheus = pods.quantity(claim["spec"]["resources"]["requests"]["storage"]) / 2**30
    assert stated == claims() | {"prometheus": prometheus}


def test_the_registry_has_a_plan_for_every_image():
    text = (ROOT / "deploy/terraform/variables.tf").read_text()
    stated = set(re.findall(r'"([\w-]+)"', re.search(r'variable "repositories".*?default\s*=\s*\[(.*?)\]', text, re.DOTALL).group(1)))
    built = {image for pipeline in pipelines().values() for image in pipeline.get("images", {})}
    assert stated == built | {"fairlead", "fairlead-builder"}
    plan = re.search(r"registry_plan = (.*)", (ROOT / "deploy/terraform/main.tf").read_text()).group(1)
    assert plan == 'length(var.repositories) <= 1 ? "starter" : length(var.repositories) <= 5 ? "basic" : "professional"'


def test_terraform_is_hcl():
    for file in (ROOT / "deploy/terraform").glob("*.tf"):
        hcl2.loads(file.read_text())
