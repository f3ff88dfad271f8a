"""Container registries: names unique in the world, plans that hold so many repositories, garbage that has to be collected."""
import hashlib
import uuid

from .account import REGISTRY_REGIONS, TIERS, Refused, now
from .routes import paged, route


def shown(account, registry, subscription=True):
    fields = {key: registry[key] for key in ("name", "created_at", "region", "storage_usage_bytes")}
    fields["storage_usage_bytes_updated_at"] = registry["created_at"]
    return fields | ({"subscription": subscribed(account)} if subscription else {})


def subscribed(account):
    return {"tier": TIERS[account.tier], "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}


def make(account, wanted):
    name = wanted["name"]
    if name in account.registries or name in account.taken_registries:
        raise Refused(409, "registry name is already taken")
    if wanted.get("region", REGISTRY_REGIONS[0]) not in REGISTRY_REGIONS:
        raise Refused(422, f"region {wanted['region']} is not available for registries")
    account.tier = wanted.get("subscription_tier_slug") or account.tier
    account.registries[name] = {"id": str(uuid.uuid4()), "name": name, "created_at": now(), "repositories": {},
                                "region": wanted.get("region", REGISTRY_REGIONS[0]), "storage_usage_bytes": 0,
                                "collections": []}
    return account.registries[name]


def the_one(account):
    """The older half of the API knows one registry."""
    if not account.registries:
        raise Refused(404, "registry does not exist")
    return next(iter(account.registries.values()))


@route("POST", "/v2/registries")
def create(account, request):
    return 201, {"registry": shown(account, make(account, request.body), subscription=False)}


@route("POST", "/v2/registry")
def create_the_one(account, request):
    if account.registries:
        raise Refused(409, "there is a registry already")
    return 201, {"registry": shown(account, make(account, request.body))}


@route("GET", "/v2/registries")
def listed(account, request):
    return 200, {"registries": [shown(account, one) for one in account.registries.values()]}


@route("GET", "/v2/registry")
def get_the_one(account, request):
    return 200, {"registry": shown(account, the_one(account))}


@route("DELETE", "/v2/registry")
def delete_the_one(account, request):
    del account.registries[the_one(account)["name"]]
    return 204, None


def options(account, request):
    tiers = [tier | {"eligible": True} for tier in TIERS.values()]
    return 200, {"options": {"available_regions": REGISTRY_REGIONS, "subscription_tiers": tiers}}


def subscription(account, request):
    return 200, {"subscription": subscribed(account)}


def subscribe(account, request):
    slug = request.body["tier_slug"]
    if slug not in TIERS:
        raise Refused(422, "invalid tier")
    account.tier = slug
    return 200, {"subscription": subscribed(account)}


def validate_name(account, request):
    if request.body["name"] in account.registries or request.body["name"] in account.taken_registries:
        raise Refused(409, "registry name is already taken")
    return 204, None


for half in ("/v2/registries", "/v2/registry"):
    route("GET", f"{half}/options")(options)
    route("GET", f"{half}/subscription")(subscription)
    route("POST", f"{half}/subscription")(subscribe)
    route("POST", f"{half}/validate-name")(validate_name)


@route("GET", "/v2/registry/docker-credentials")
def credentials_of_the_one(account, request):
    return credentials(account, request, the_one(account)["name"])


@route("GET", "/v2/registries/{name}/docker-credentials")
def credentials(account, request, name):
    account.get("registries", name)
    return 200, {"auths": {"registry.digitalocean.com": {"auth": "bW9jazptb2Nr"}}}


@route("GET", "/v2/registries/{name}")
def one(account, request, name):
    return 200, {"registry": shown(account, account.get("registries", name), subscription=False)}


@route("DELETE", "/v2/registries/{name}")
def delete(account, request, name):
    account.get("registries", name)
    del account.registries[name]
    return 204, None


def push(account, registry, repository, tag, content):
    """What a push leaves. Answers the digest; a push over the plan's repositories is refused as the registry does."""
    found = account.get("registries", registry)
    limit = TIERS[account.tier]["included_repositories"]
    held = sum(len(one["repositories"]) for one in account.registries.values())
    if repository not in found["repositories"] and limit and held >= limit:
        raise Refused(403, "denied: registry contains more repositories than the plan allows")
    digest = "sha256:" + hashlib.sha256(content.encode()).hexdigest()
    tags = found["repositories"].setdefault(repository, {})
    tags[tag] = digest
    found["storage_usage_bytes"] += 40_000_000
    return digest


@route("GET", "/v2/registries/{name}/repositoriesV2")
def repositories(account, request, name):
    items = [{"registry_name": name, "name": one, "tag_count": len(tags), "manifest_count": len(set(tags.values()))}
             for one, tags in account.get("registries", name)["repositories"].items()]
    return paged(request, "repositories", items)


def tags_of(account, name, repository):
    tags = account.get("registries", name)["repositories"].get(repository)
    if tags is None:
        raise Refused(404, "repository not found")
    return tags


@route("GET", "/v2/registries/{name}/repositories/{repository}/tags")
def tags(account, request, name, repository):
    items = [{"registry_name": name, "repository": repository, "tag": tag, "manifest_digest": digest,
              "compressed_size_bytes": 40_000_000, "size_bytes": 90_000_000, "updated_at": now()}
             for tag, digest in tags_of(account, name, repository).items()]
    return paged(request, "tags", items)


@route("GET", "/v2/registries/{name}/repositories/{repository}/digests")
def digests(account, request, name, repository):
    held = tags_of(account, name, repository)
    items = [{"registry_name": name, "repository": repository, "digest": digest, "compressed_size_bytes": 40_000_000,
              "size_bytes": 90_000_000, "updated_at": now(), "tags": [tag for tag in held if held[tag] == digest],
              "blobs": []} for digest in sorted(set(held.values()))]
    return paged(request, "manifests", items)


@route("DELETE", "/v2/registries/{name}/repositories/{repository}")
def delete_repository(account, request, name, repository):
    tags_of(account, name, repository)
    del account.registries[name]["repositories"][repository]
    return 204, None


@route("POST", "/v2/registries/{name}/garbage-collection")
def collect(account, request, name):
    registry = account.get("registries", name)
    collection = {"uuid": str(uuid.uuid4()), "registry_name": name, "status": "requested", "created_at": now(),
                  "updated_at": now(), "blobs_deleted": 0, "freed_bytes": 0}
    registry["collections"].append(collection)
    return 201, {"garbage_collection": collection}
