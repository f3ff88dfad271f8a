"""Clusters, their pools and nodes, and what goes with a cluster and what does not."""
import copy
import time
import uuid

from .account import REGIONS, SIZES, VERSIONS, Refused, now
from .routes import paged, route


@route("GET", "/v2/kubernetes/options")
def options(account, request):
    return 200, {"options": {
        "regions": [{"name": slug, "slug": slug} for slug, open in REGIONS.items() if open],
        "versions": [{"slug": slug, "kubernetes_version": slug.split("-")[0], "supported_features": []}
                     for slug in VERSIONS],
        "sizes": [{"name": slug, "slug": slug} for slug in SIZES],
    }}


def new_pool(account, cluster, wanted):
    """A pool with its nodes, each of which is a Droplet that is paid for."""
    if wanted.get("size") not in SIZES:
        raise Refused(422, f"invalid size: {wanted.get('size')}")
    count = wanted.get("count", wanted.get("min_nodes", 0) if wanted.get("auto_scale") else 0)
    pool = {"id": str(uuid.uuid4()), "tags": [], "labels": {}, "taints": [], "auto_scale": False, "min_nodes": 0,
            "max_nodes": 0} | {key: value for key, value in wanted.items() if value is not None} | {"count": 0, "nodes": []}
    if pool["labels"] is None:
        pool["labels"] = {}
    pool["tags"] = pool["tags"] + ["k8s", f"k8s:{cluster['id']}", "k8s:worker"]
    resize(account, cluster, pool, count)
    return pool


def resize(account, cluster, pool, count):
    if len(account.droplets) + count - len(pool["nodes"]) > account.droplet_limit:
        raise Refused(422, "creating this/these droplet(s) will exceed your droplet limit")
    while len(pool["nodes"]) < count:
        identifier = str(4_000_000 + len(account.droplets) + uuid.uuid4().int % 1_000_000)
        account.droplets[identifier] = {
            "id": identifier, "name": f"{pool['name']}-{identifier[-5:]}", "size_slug": pool["size"],
            "region": cluster["region"], "vpc_uuid": cluster["vpc_uuid"], "tags": list(pool["tags"])}
        pool["nodes"].append({"id": str(uuid.uuid4()), "name": account.droplets[identifier]["name"],
                              "status": {"state": "running"}, "droplet_id": identifier, "created_at": now(),
                              "updated_at": now()})
    while len(pool["nodes"]) > count:
        account.droplets.pop(pool["nodes"].pop()["droplet_id"])
    pool["count"] = count


@route("POST", "/v2/kubernetes/clusters")
def create(account, request):
    wanted = dict(request.body)
    if any(one["name"] == wanted["name"] for one in account.clusters.values()):
        raise Refused(422, "a cluster with this name already exists")
    if not REGIONS.get(wanted["region"]):
        raise Refused(422, f"region {wanted['region']} is not available")
    versions = [slug for slug in VERSIONS if wanted["version"] in (slug, "latest") or
                slug.startswith(wanted["version"] + ".")]
    if not versions:
        raise Refused(422, "invalid version slug")
    vpc = wanted.get("vpc_uuid") or next(one["id"] for one in account.vpcs.values()
                                         if one.get("default") and one["region"] == wanted["region"])
    if account.get("vpcs", vpc, "the VPC")["region"] != wanted["region"]:
        raise Refused(422, "the VPC is in another region")
    pools = wanted.pop("node_pools")
    cluster = {"cluster_subnet": "10.244.0.0/16", "service_subnet": "10.245.0.0/16", "tags": [], "ha": False,
               "auto_upgrade": False, "surge_upgrade": False, "registry_enabled": False, "registries": []}
    cluster |= {key: value for key, value in wanted.items() if value is not None}
    cluster |= {"id": str(uuid.uuid4()), "version": versions[0], "vpc_uuid": vpc, "ipv4": "203.0.113.7",
                "status": {"state": "provisioning"}, "created_at": now(), "updated_at": now(), "node_pools": [],
                "due": account.due()}
    cluster["endpoint"] = f"https://{cluster['id']}.k8s.ondigitalocean.com"
    cluster["tags"] = cluster["tags"] + ["k8s", f"k8s:{cluster['id']}"]
    policy = cluster.get("maintenance_policy")
    if policy:
        cluster["maintenance_policy"] = {"duration": "4h0m0s"} | policy
    try:
        for pool in pools:
            cluster["node_pools"].append(new_pool(account, cluster, pool))
    except Refused:
        for pool in cluster["node_pools"]:
            resize(account, cluster, pool, 0)
        raise
    account.clusters[cluster["id"]] = cluster
    return 201, {"kubernetes_cluster": shown(cluster)}


def shown(cluster):
    return copy.deepcopy({key: value for key, value in cluster.items() if key not in ("due", "takes")})


def settle(account):
    """Nothing at DigitalOcean is there at once, or gone at once."""
    for cluster in list(account.clusters.values()):
        if time.monotonic() < cluster["due"]:
            continue
        if cluster["status"]["state"] == "provisioning":
            cluster["status"]["state"] = "running"
        elif cluster["status"]["state"] == "deleting":
            remove(account, cluster)


def remove(account, cluster):
    found = associated(account, cluster["id"])
    takes = cluster.get("takes")
    for pool in cluster["node_pools"]:
        resize(account, cluster, pool, 0)
    del account.clusters[cluster["id"]]
    for volume in account.volumes.values():
        volume["droplet_ids"] = [one for one in volume["droplet_ids"] if str(one) in account.droplets]
    for kind, items in found.items():
        for item in items:
            if item["id"] in takes[kind] and item["name"] not in account.stubborn:
                getattr(account, "snapshots" if kind == "volume_snapshots" else kind).pop(item["id"], None)


@route("GET", "/v2/kubernetes/clusters")
def listed(account, request):
    return paged(request, "kubernetes_clusters", [shown(one) for one in account.clusters.values()])


@route("GET", "/v2/kubernetes/clusters/{id}")
def one(account, request, id):
    return 200, {"kubernetes_cluster": shown(account.get("clusters", id))}


@route("PUT", "/v2/kubernetes/clusters/{id}")
def update(account, request, id):
    cluster = account.get("clusters", id)
    tags = request.body.pop("tags", None)
    cluster |= request.body
    if tags is not None:
        cluster["tags"] = [tag for tag in tags if not tag.startswith("k8s")] + ["k8s", f"k8s:{id}"]
    return 202, {"kubernetes_cluster": shown(cluster)}


def begin_deletion(account, id, takes):
    """`takes` has the ids of what goes with the cluster, by kind."""
    cluster = account.get("clusters", id)
    cluster["status"]["state"], cluster["due"] = "deleting", account.due()
    cluster["takes"] = {kind: takes.get(kind) or [] for kind in associated(account, id)}
    return 204, None


@route("DELETE", "/v2/kubernetes/clusters/{id}")
def delete(account, request, id):
    return begin_deletion(account, id, {})


def associated(account, id):
    tag = f"k8s:{id}"
    volumes = [one for one in account.volumes.values() if tag in one["tags"]]
    of_volumes = {one["id"] for one in volumes}
    found = {
        "load_balancers": [one for one in account.load_balancers.values() if one["cluster"] == id],
        "volumes": volumes,
        "volume_snapshots": [one for one in account.snapshots.values() if one["resource_id"] in of_volumes],
    }
    return {kind: [{"id": one["id"], "name": one["name"]} for one in items] for kind, items in found.items()}


@route("GET", "/v2/kubernetes/clusters/{id}/destroy_with_associated_resources")
def associated_resources(account, request, id):
    account.get("clusters", id)
    return 200, associated(account, id)


@route("DELETE", "/v2/kubernetes/clusters/{id}/destroy_with_associated_resources/dangerous")
def dangerous(account, request, id):
    takes = {kind: [one["id"] for one in items] for kind, items in associated(account, id).items()}
    return begin_deletion(account, id, takes)


@route("DELETE", "/v2/kubernetes/clusters/{id}/destroy_with_associated_resources/selective")
def selective(account, request, id):
    for kind, items in associated(account, id).items():
        strange = set(request.body.get(kind) or []) - {one["id"] for one in items}
        if strange:
            raise Refused(422, f"not associated with the cluster: {strange}")
    return begin_deletion(account, id, request.body)


def kubeconfig_of(account, id):
    cluster = account.get("clusters", id)
    if cluster["status"]["state"] != "running":
        raise Refused(412, "the cluster is not running")
    return account.kubernetes(cluster) if account.kubernetes else "apiVersion: v1\nkind: Config\n"


@route("GET", "/v2/kubernetes/clusters/{id}/kubeconfig")
def kubeconfig(account, request, id):
    return 200, kubeconfig_of(account, id)


@route("GET", "/v2/kubernetes/clusters/{id}/credentials")
def credentials(account, request, id):
    kubeconfig_of(account, id)
    return 200, {"server": account.clusters[id]["endpoint"], "certificate_authority_data": "LS0tLS1CRUdJTg==",
                 "client_certificate_data": None, "client_key_data": None, "token": "cluster-token",
                 "expires_at": "2099-01-01T00:00:00Z"}


@route("GET", "/v2/kubernetes/clusters/{id}/node_pools")
def pools(account, request, id):
    return paged(request, "node_pools", account.get("clusters", id)["node_pools"])


@route("POST", "/v2/kubernetes/clusters/{id}/node_pools")
def create_pool(account, request, id):
    cluster = account.get("clusters", id)
    pool = new_pool(account, cluster, request.body)
    cluster["node_pools"].append(pool)
    return 201, {"node_pool": pool}


def pool_of(account, id, pool):
    for found in account.get("clusters", id)["node_pools"]:
        if found["id"] == pool:
            return found
    raise Refused(404, "node pool not found")


@route("GET", "/v2/kubernetes/clusters/{id}/node_pools/{pool}")
def one_pool(account, request, id, pool):
    return 200, {"node_pool": pool_of(account, id, pool)}


@route("PUT", "/v2/kubernetes/clusters/{id}/node_pools/{pool}")
def update_pool(account, request, id, pool):
    found = pool_of(account, id, pool)
    count = request.body.pop("count", None)
    found |= {key: value for key, value in request.body.items() if value is not None}
    if count is not None:
        resize(account, account.clusters[id], found, count)
    return 202, {"node_pool": found}


@route("DELETE", "/v2/kubernetes/clusters/{id}/node_pools/{pool}")
def delete_pool(account, request, id, pool):
    found = pool_of(account, id, pool)
    resize(account, account.clusters[id], found, 0)
    account.clusters[id]["node_pools"].remove(found)
    return 204, None


def integrate(account, request, enabled):
    names = request.body.get("registries") or list(account.registries)
    for name in names:
        account.get("registries", name, "the registry")
    for id in request.body["cluster_uuids"]:
        cluster = account.get("clusters", id)
        kept = [name for name in cluster["registries"] if name not in names]
        cluster["registries"] = kept + names if enabled else kept
        cluster["registry_enabled"] = bool(cluster["registries"])
    return 204, None


for path in ("/v2/kubernetes/registry", "/v2/kubernetes/registries"):
    route("POST", path)(lambda account, request: integrate(account, request, True))
    route("DELETE", path)(lambda account, request: integrate(account, request, False))
