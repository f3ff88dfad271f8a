"""Networks, load balancers, volumes, snapshots, firewalls, projects, tags, and what an account may have."""
import ipaddress
import uuid

from .account import REGIONS, SIZES, Refused, now
from .routes import paged, route


def region(slug):
    return {"slug": slug, "name": slug, "available": REGIONS[slug], "sizes": list(SIZES), "features": []}


@route("GET", "/v2/account")
def account_itself(account, request):
    return 200, {"account": {"droplet_limit": account.droplet_limit, "floating_ip_limit": 5, "name": "A team",
                             "volume_limit": account.volume_limit, "email": "team@example.com", "uuid": "0" * 40,
                             "email_verified": account.email_verified, "status": account.status, "status_message": "",
                             "team": {"uuid": account.team, "name": "A team"}}}


@route("GET", "/v2/regions")
def regions(account, request):
    return paged(request, "regions", [region(slug) for slug in REGIONS])


@route("GET", "/v2/sizes")
def sizes(account, request):
    items = [{"slug": slug, "memory": memory, "vcpus": processors, "disk": disk, "transfer": 4.0, "available": True,
              "price_monthly": price, "price_hourly": round(price / 672, 5), "description": "",
              "regions": [slug for slug, open in REGIONS.items() if open]}
             for slug, (processors, memory, disk, price) in SIZES.items()]
    return paged(request, "sizes", items)


@route("GET", "/v2/droplets")
def droplets(account, request):
    tag = request.query.get("tag_name")
    items = [{"id": int(one["id"]), "name": one["name"], "size_slug": one["size_slug"], "status": "active",
              "tags": one["tags"], "vpc_uuid": one["vpc_uuid"], "region": region(one["region"])}
             for one in account.droplets.values() if tag is None or tag in one["tags"]]
    return paged(request, "droplets", items)


def vpc_shown(one):
    return {"id": one["id"], "urn": f"do:vpc:{one['id']}", "name": one["name"], "region": one["region"],
            "ip_range": one["ip_range"], "default": one.get("default", False), "created_at": one["created_at"],
            "description": one.get("description", "")}


@route("GET", "/v2/vpcs")
def vpcs(account, request):
    return paged(request, "vpcs", [vpc_shown(one) for one in account.vpcs.values()])


@route("POST", "/v2/vpcs")
def create_vpc(account, request):
    wanted = request.body
    if any(one["name"] == wanted["name"] for one in account.vpcs.values()):
        raise Refused(422, "a VPC with this name already exists")
    if not REGIONS.get(wanted["region"]):
        raise Refused(422, "the region is not available")
    network = wanted.get("ip_range") or f"10.{100 + len(account.vpcs)}.0.0/20"
    for one in account.vpcs.values():
        if not one.get("default") and ipaddress.ip_network(network).overlaps(ipaddress.ip_network(one["ip_range"])):
            raise Refused(422, "the IP range overlaps with another network in your account")
    made = account.add("vpcs", name=wanted["name"], region=wanted["region"], ip_range=network,
                       description=wanted.get("description", ""))
    return 201, {"vpc": vpc_shown(made)}


@route("GET", "/v2/vpcs/{id}")
def vpc(account, request, id):
    return 200, {"vpc": vpc_shown(account.get("vpcs", id))}


@route("PUT", "/v2/vpcs/{id}")
def update_vpc(account, request, id):
    one = account.get("vpcs", id)
    one |= {key: request.body[key] for key in ("name", "description") if key in request.body}
    return 200, {"vpc": vpc_shown(one)}


@route("GET", "/v2/vpcs/{id}/members")
def vpc_members(account, request, id):
    account.get("vpcs", id)
    items = [{"name": urn.split(":")[-1], "urn": urn, "created_at": now()} for urn in account.members(id)]
    return paged(request, "members", items)


@route("DELETE", "/v2/vpcs/{id}")
def delete_vpc(account, request, id):
    if account.get("vpcs", id).get("default"):
        raise Refused(403, "Can not delete default VPCs")
    if account.members(id):
        raise Refused(403, "Can not delete VPC with members")
    del account.vpcs[id]
    return 204, None


@route("GET", "/v2/load_balancers")
def balancers(account, request):
    items = [{key: value for key, value in one.items() if key not in ("cluster", "of")} | {"region": region(one["region"])}
             for one in account.load_balancers.values()]
    return paged(request, "load_balancers", items)


@route("GET", "/v2/load_balancers/{id}")
def balancer(account, request, id):
    return 200, {"load_balancer": account.get("load_balancers", id)}


@route("DELETE", "/v2/load_balancers/{id}")
def delete_balancer(account, request, id):
    account.get("load_balancers", id)
    del account.load_balancers[id]
    return 204, None


@route("GET", "/v2/volumes")
def volumes(account, request):
    name = request.query.get("name")
    items = [{key: value for key, value in one.items() if key != "of"} | {"region": region(one["region"])}
             for one in account.volumes.values() if name is None or one["name"] == name]
    return paged(request, "volumes", items)


@route("GET", "/v2/volumes/{id}")
def volume(account, request, id):
    return 200, {"volume": account.get("volumes", id)}


@route("DELETE", "/v2/volumes/{id}")
def delete_volume(account, request, id):
    if account.get("volumes", id)["droplet_ids"]:
        raise Refused(409, "Attached volume cannot be deleted.")
    del account.volumes[id]
    return 204, None


@route("GET", "/v2/snapshots")
def snapshots(account, request):
    kind = request.query.get("resource_type")
    return paged(request, "snapshots", [one for one in account.snapshots.values()
                                        if kind is None or one["resource_type"] == kind])


@route("DELETE", "/v2/snapshots/{id}")
def delete_snapshot(account, request, id):
    account.get("snapshots", id)
    del account.snapshots[id]
    return 204, None


@route("GET", "/v2/firewalls")
def firewalls(account, request):
    return paged(request, "firewalls", list(account.firewalls.values()))


@route("POST", "/v2/firewalls")
def create_firewall(account, request):
    if any(one["name"] == request.body["name"] for one in account.firewalls.values()):
        raise Refused(409, "duplicate name")
    made = account.add("firewalls", status="succeeded", pending_changes=[], **request.body)
    return 202, {"firewall": made}


@route("GET", "/v2/firewalls/{id}")
def firewall(account, request, id):
    return 200, {"firewall": account.get("firewalls", id)}


@route("PUT", "/v2/firewalls/{id}")
def update_firewall(account, request, id):
    one = account.get("firewalls", id)
    one |= request.body
    return 200, {"firewall": one}


@route("DELETE", "/v2/firewalls/{id}")
def delete_firewall(account, request, id):
    account.get("firewalls", id)
    del account.firewalls[id]
    return 204, None


PROJECT = ("id", "name", "description", "purpose", "environment", "is_default", "created_at", "updated_at")


def project_shown(one):
    whole = {"owner_uuid": "0" * 40, "owner_id": 1, "description": "", "purpose": "Other", "environment": "Production",
             "is_default": False, "updated_at": one["created_at"]} | one
    return {key: whole[key] for key in (*PROJECT, "owner_uuid", "owner_id")}


@route("GET", "/v2/projects")
def projects(account, request):
    return paged(request, "projects", [project_shown(one) for one in account.projects.values()])


@route("POST", "/v2/projects")
def create_project(account, request):
    if any(one["name"] == request.body["name"] for one in account.projects.values()):
        raise Refused(409, "duplicate project name")
    fields = {key: value for key, value in request.body.items() if key in PROJECT}
    return 201, {"project": project_shown(account.add("projects", resources=[], **fields))}


@route("GET", "/v2/projects/default")
def default_project(account, request):
    return 200, {"project": project_shown(account.default_project)}


@route("GET", "/v2/projects/{id}")
def project(account, request, id):
    return 200, {"project": project_shown(account.get("projects", id))}


def change_project(account, request, id):
    one = account.get("projects", id)
    one |= {key: value for key, value in request.body.items() if key in PROJECT}
    return 200, {"project": project_shown(one)}


route("PUT", "/v2/projects/{id}")(change_project)
route("PATCH", "/v2/projects/{id}")(change_project)


def exists(account, urn):
    kind, key = urn.split(":")[1:3]
    lists = {"kubernetes": account.clusters, "loadbalancer": account.load_balancers, "volume": account.volumes,
             "droplet": account.droplets}
    return key in lists.get(kind, {})


def resource(urn, status):
    return {"urn": urn, "assigned_at": now(), "status": status,
            "links": {"self": f"https://api.digitalocean.com/v2/{urn.split(':')[1]}/{urn.split(':')[2]}"}}


@route("GET", "/v2/projects/{id}/resources")
def resources(account, request, id):
    held = account.default_project if id == "default" else account.get("projects", id)
    urns = [urn for urn in held.get("resources", []) if exists(account, urn)]
    return paged(request, "resources", [resource(urn, "ok") for urn in urns])


@route("POST", "/v2/projects/{id}/resources")
def assign(account, request, id):
    held = account.default_project if id == "default" else account.get("projects", id)
    for urn in request.body["resources"]:
        if not exists(account, urn):
            raise Refused(404, f"{urn} was not found")
        for one in account.projects.values():
            one["resources"] = [other for other in one.get("resources", []) if other != urn]
        held.setdefault("resources", []).append(urn)
    return 200, {"resources": [resource(urn, "assigned") for urn in request.body["resources"]]}


@route("DELETE", "/v2/projects/{id}")
def delete_project(account, request, id):
    if [urn for urn in account.get("projects", id).get("resources", []) if exists(account, urn)]:
        raise Refused(412, "cannot delete a project with resources")
    del account.projects[id]
    return 204, None


@route("GET", "/v2/tags/{name}")
def tag(account, request, name):
    return 200, {"tag": account.get("tags", name)}


@route("POST", "/v2/tags")
def create_tag(account, request):
    account.tags[request.body["name"]] = {"name": request.body["name"], "id": str(uuid.uuid4()), "resources": {"count": 0}}
    return 201, {"tag": {"name": request.body["name"], "resources": {"count": 0}}}


@route("DELETE", "/v2/tags/{name}")
def delete_tag(account, request, name):
    account.get("tags", name)
    del account.tags[name]
    return 204, None


@route("GET", "/github/repos/{owner}/{name}/branches/{branch}")
def branch(account, request, owner, name, branch):
    """Not of this account: what GitHub says of the repository that is deployed."""
    if (owner, name) in (("acme", "stack"), ("acme", "fairlead")):
        return 200, {"name": branch, "commit": {"sha": account.head}}
    raise Refused(404, "Not Found")
