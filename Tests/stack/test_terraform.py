"""deploy/terraform: as it is written, and as the provider takes it.

    FAIRLEAD_TERRAFORM_MIRROR    a folder of providers as `terraform providers mirror` makes it; if not set, the registry
                                 that terraform asks by itself
"""
import json
import os
import re
import shutil
import subprocess

import hcl2
import pytest

from manifests import ROOT

FOLDER = ROOT / "deploy/terraform"
TERRAFORM = shutil.which("terraform")
NEEDED = pytest.mark.skipif(TERRAFORM is None, reason="there is no terraform on this machine")

# What docs/resources of the provider's version 2.99 say: (required, optional) arguments of what is used here.
ARGUMENTS = {
    "digitalocean_vpc": ({"name", "region"}, {"description", "ip_range", "timeouts"}),
    "digitalocean_kubernetes_cluster": (
        {"name", "region", "version", "node_pool"},
        {"vpc_uuid", "cluster_subnet", "service_subnet", "auto_upgrade", "surge_upgrade", "ha", "registry_integration", "tags",
         "maintenance_policy", "destroy_all_associated_resources", "kubeconfig_expire_seconds", "control_plane_firewall",
         "cluster_autoscaler_configuration", "routing_agent", "timeouts"}),
    "digitalocean_kubernetes_node_pool": (
        {"cluster_id", "name", "size"},
        {"node_count", "auto_scale", "min_nodes", "max_nodes", "tags", "labels", "taint"}),
    "digitalocean_container_registries": ({"name", "subscription_tier_slug"}, {"region"}),
    "digitalocean_project": ({"name"}, {"description", "purpose", "environment", "is_default", "resources"}),
}
META = {"count", "depends_on", "lifecycle"}


def run(folder, *arguments, check=True, **environment):
    told = subprocess.run([TERRAFORM, *arguments], cwd=folder, capture_output=True, text=True,
                          env=os.environ | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"} | environment)
    assert not check or told.returncode == 0, told.stdout + told.stderr
    return told


@pytest.fixture(scope="module")
def initialised(tmp_path_factory):
    """A copy of the folder with its provider; what needs it is skipped where the provider cannot be had."""
    if TERRAFORM is None:
        pytest.skip("there is no terraform on this machine")
    place = tmp_path_factory.mktemp("terraform")
    for file in FOLDER.glob("*.tf"):
        shutil.copy(file, place)
    mirror = os.environ.get("FAIRLEAD_TERRAFORM_MIRROR")
    settings = place / "terraformrc"
    settings.write_text(f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n' if mirror else "")
    told = run(place, "init", "-backend=false", "-input=false", "-no-color", check=False, TF_CLI_CONFIG_FILE=str(settings))
    if told.returncode != 0:
        pytest.skip("the provider digitalocean cannot be had here")
    return place


@NEEDED
def test_it_is_formatted():
    told = run(FOLDER, "fmt", "-check", "-diff", check=False)
    assert told.returncode == 0, told.stdout


def test_the_provider_takes_it(initialised):
    told = json.loads(run(initialised, "validate", "-json").stdout)
    assert told["valid"] and told["diagnostics"] == [], told


def blocks():
    """(kind, name, content) of every resource."""
    for file in sorted(FOLDER.glob("*.tf")):
        for block in hcl2.loads(file.read_text()).get("resource", []):
            for kind, named in block.items():
                for name, content in named.items():
                    yield kind.strip('"'), name.strip('"'), {key: value for key, value in content.items() if key[:2] != "__"}


def test_arguments_are_those_that_the_provider_documents():
    seen = set()
    for kind, name, content in blocks():
        required, optional = ARGUMENTS[kind]
        assert required <= content.keys() <= required | optional | META, f"{kind}.{name}"
        seen.add(kind)
    assert seen == ARGUMENTS.keys()


def test_those_arguments_are_in_the_providers_schema(initialised):
    """The table above is itself held against the provider, where it can be had."""
    schemas = json.loads(run(initialised, "providers", "schema", "-json").stdout)["provider_schemas"]
    resources = schemas["registry.terraform.io/digitalocean/digitalocean"]["resource_schemas"]
    for kind, (required, optional) in ARGUMENTS.items():
        block = resources[kind]["block"]
        attributes, nested = block["attributes"], block.get("block_types", {})
        assert required | optional <= attributes.keys() | nested.keys(), kind
        assert {name for name, a in attributes.items() if a.get("required")} <= required, kind


def resource(kind):
    return next(content for found, _, content in blocks() if found == kind)


def test_the_cluster_is_in_the_vpc():
    assert resource("digitalocean_kubernetes_cluster")["vpc_uuid"] == "${digitalocean_vpc.this.id}"


def test_networks_do_not_overlap():
    import ipaddress
    cluster = resource("digitalocean_kubernetes_cluster")
    names = [resource("digitalocean_vpc")["ip_range"], cluster["cluster_subnet"], cluster["service_subnet"]]
    networks = [ipaddress.ip_network(name.strip('"')) for name in names]
    for i, network in enumerate(networks):
        assert not any(network.overlaps(other) for other in networks[i + 1:])


def test_nothing_that_costs_money_outlives_the_cluster():
    assert resource("digitalocean_kubernetes_cluster")["destroy_all_associated_resources"] is True


def test_the_cluster_grows_is_kept_up_and_guarded():
    cluster = resource("digitalocean_kubernetes_cluster")
    pool = cluster["node_pool"][0]
    assert pool["auto_scale"] is True and pool["min_nodes"] == "${var.nodes.min}" and pool["max_nodes"] == "${var.nodes.max}"
    assert cluster["auto_upgrade"] is True and cluster["surge_upgrade"] is True and cluster["maintenance_policy"]
    assert cluster["control_plane_firewall"][0]["enabled"] is True
    assert cluster["registry_integration"] is True
    text = (FOLDER / "variables.tf").read_text()
    assert re.search(r"min\s*=\s*optional\(number, 2\)", text) and re.search(r"max\s*=\s*optional\(number, 5\)", text)


def test_no_secret_is_written_down():
    for file in FOLDER.glob("*.tf"):
        assert not re.search(r"token\s*=|dop_v1_|password\s*=", file.read_text()), file.name


def console(place, expression, *variables):
    """An expression's value with variables, computed by terraform itself."""
    given = [f"-var={variable}" for variable in ("registry=acme", 'control_plane_allowed=["203.0.113.7/32"]', *variables)]
    told = subprocess.run([TERRAFORM, "console", *given], input=f"jsonencode({expression})\n", cwd=place, capture_output=True,
                          text=True)
    assert told.returncode == 0, told.stderr
    return json.loads(json.loads(told.stdout))


def test_the_cost_has_every_part(initialised):
    parts = console(initialised, "local.cost_parts")
    assert parts == {"nodes": 144, "build_node": 48, "control_plane": 40, "load_balancers": 24, "block_storage": 8.5, "registry": 5}
    assert console(initialised, "local.cost_parts", "ha_control_plane=false")["control_plane"] == 0
    larger = console(initialised, "local.cost_parts", 'nodes={"min":4,"size":"s-8vcpu-16gb"}')
    assert larger["nodes"] == 4 * 96


@pytest.mark.parametrize("repositories, plan", [(1, "starter"), (3, "basic"), (5, "basic"), (6, "professional")])
def test_the_plan_of_the_registry_fits_the_images(repositories, plan, initialised):
    names = json.dumps([f"image-{number}" for number in range(repositories)])
    assert console(initialised, "local.registry_plan", f"repositories={names}") == plan


@pytest.mark.parametrize("variable, words", [
    ("region=lon1", "Registries are in"), ("control_plane_allowed=[]", "At least one block"),
    ("control_plane_allowed=[\"me\"]", "At least one block"), ("kubernetes_minor=latest", "A minor version"),
    ("nodes={\"min\":6}", "not above max"), ("nodes={\"size\":\"s-1vcpu-1gb\"}", "no price"), ("name=Todo!", "Lower-case"),
])
def test_what_cannot_be_is_refused_before_anything_is_made(variable, words, initialised):
    given = {"registry": "acme", "control_plane_allowed": '["203.0.113.7/32"]'}
    name, _, value = variable.partition("=")
    given[name] = value
    told = subprocess.run([TERRAFORM, "console", *[f"-var={name}={value}" for name, value in given.items()]], input="1\n",
                          cwd=initialised, capture_output=True, text=True)
    assert words in told.stdout + told.stderr, told.stdout + told.stderr
