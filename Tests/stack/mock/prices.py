"""What deploy/terraform counts, read from its files, for where Terraform itself is stood in."""
import re

import hcl2


def read(folder):
    with open(folder / "prices.tf") as file:
        local = hcl2.load(file)["locals"][0]
    with open(folder / "variables.tf") as file:
        variables = {name.strip('"'): body for one in hcl2.load(file)["variable"] for name, body in one.items()}
    nodes = dict(re.findall(r"(\w+) = optional\(\w+, \"?([^\")]+)", variables["nodes"]["type"]))
    return local, variables, nodes


def node_price(local, size):
    return local["prices"]["node"][f'"{size}"']


def parts(folder):
    """`local.cost_parts` with the variables' defaults."""
    local, variables, nodes = read(folder)
    prices = local["prices"]
    plan = "basic" if len(variables["repositories"]["default"]) <= 5 else "professional"
    return {
        "nodes": max(int(nodes["min"]), 3) * node_price(local, nodes["size"]),
        "build_node": node_price(local, variables["build_node"]["default"].strip('"')),
        "control_plane": prices["ha_control_plane"],
        "load_balancers": local["gateways"] * prices["load_balancer"],
        "block_storage": sum(volumes(folder).values()) * prices["volume_gib"],
        "registry": prices["registry"][plan],
    }


def more_nodes(folder):
    """What the nodes cost that the autoscaler may add."""
    local, _, nodes = read(folder)
    return (int(nodes["max"]) - max(int(nodes["min"]), 3)) * node_price(local, nodes["size"])


def volumes(folder):
    return read(folder)[1]["volumes_gib"]["default"]


def as_of(folder):
    return read(folder)[0]["prices"]["as_of"].strip('"')
