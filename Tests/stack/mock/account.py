"""What the account holds, what it refuses, and what it costs."""
import datetime
import threading
import time
import uuid

REGIONS = {"fra1": True, "ams3": True, "nyc3": True, "lon1": True, "nyc2": False}
REGISTRY_REGIONS = ["nyc3", "sfo3", "ams3", "sgp1", "fra1"]
VERSIONS = ["1.36.2-do.1", "1.36.1-do.0", "1.35.6-do.2", "1.34.9-do.1"]

# slug: (processors, MiB, GiB of disk, US dollars a month)
SIZES = {
    "s-1vcpu-2gb": (1, 2048, 50, 12.0),
    "s-2vcpu-2gb": (2, 2048, 60, 18.0),
    "s-2vcpu-4gb": (2, 4096, 80, 24.0),
    "s-4vcpu-8gb": (4, 8192, 160, 48.0),
    "s-8vcpu-16gb": (8, 16384, 320, 96.0),
    "g-2vcpu-8gb": (2, 8192, 25, 63.0),
    "g-4vcpu-16gb": (4, 16384, 50, 126.0),
    "c-4": (4, 8192, 50, 84.0),
}
TIERS = {
    "starter": {"name": "Starter", "slug": "starter", "included_repositories": 1, "included_storage_bytes": 524288000,
                "allow_storage_overage": False, "included_bandwidth_bytes": 524288000, "monthly_price_in_cents": 0},
    "basic": {"name": "Basic", "slug": "basic", "included_repositories": 5, "included_storage_bytes": 5368709120,
              "allow_storage_overage": True, "included_bandwidth_bytes": 5368709120, "monthly_price_in_cents": 500,
              "storage_overage_price_in_cents": 2},
    "professional": {"name": "Professional", "slug": "professional", "included_repositories": 0,
                     "included_storage_bytes": 107374182400, "allow_storage_overage": True,
                     "included_bandwidth_bytes": 107374182400, "monthly_price_in_cents": 2000,
                     "storage_overage_price_in_cents": 2},
}
CONTROL_PLANE, BALANCER, VOLUME_GIB, SNAPSHOT_GIB = 40.0, 12.0, 0.10, 0.06


class Refused(Exception):
    """An answer of the API that is no success."""

    def __init__(self, status, message, name=None, headers=None):
        super().__init__(message)
        names = {401: "Unauthorized", 403: "forbidden", 404: "not_found", 409: "conflict", 412: "failed_precondition",
                 422: "unprocessable_entity", 429: "too_many_requests"}
        self.status, self.headers = status, headers or {}
        self.body = {"id": name or names.get(status, "server_error"), "message": message,
                     "request_id": str(uuid.uuid4())}


def now():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Account:
    """One account. Every list is keyed by id; a registry's key is its name. Hold `lock` to look from another thread."""

    LISTS = ("vpcs", "clusters", "droplets", "load_balancers", "volumes", "snapshots", "firewalls", "projects",
             "registries", "tags")

    def __init__(self, token="dop_v1_operator", delay=0.2):
        self.lock = threading.RLock()
        self.tokens = {token}
        self.delay = delay            # seconds until a cluster is there, or gone
        self.status, self.email_verified = "active", True
        self.team = "5" * 40          # whose account it is; a token of another team sees another account
        self.droplet_limit, self.volume_limit = 25, 100
        self.tier = "starter"
        self.taken_registries = set()  # names that other customers have: they are unique in the world
        self.stubborn = set()         # volumes whose names are in here stay when the cluster's resources are destroyed
        self.head = "0" * 40          # of the branch that is deployed, as GitHub has it
        self.kubernetes = None        # answers with a cluster's kubeconfig; set by who has a Kubernetes
        self.changes = []             # (method, path) of every request that was not a GET and was not refused
        for name in self.LISTS:
            setattr(self, name, {})
        self.default_project = self.add("projects", name="default", is_default=True)
        for region in REGIONS:
            self.add("vpcs", name=f"default-{region}", region=region, ip_range="10.0.0.0/20", default=True)

    def add(self, kind, **fields):
        """A new item of a list, with an id."""
        item = {"id": str(uuid.uuid4()), "created_at": now()} | fields
        getattr(self, kind)[item["id"]] = item
        return item

    def get(self, kind, key, what=None):
        item = getattr(self, kind).get(key)
        if item is None:
            raise Refused(404, f"{what or 'The resource'} you were accessing could not be found.")
        return item

    def nodes(self):
        return [node for cluster in self.clusters.values() for pool in cluster["node_pools"] for node in pool["nodes"]]

    def members(self, vpc):
        """What is in a network, as URNs."""
        return ([f"do:kubernetes:{one['id']}" for one in self.clusters.values() if one["vpc_uuid"] == vpc]
                + [f"do:droplet:{one['id']}" for one in self.droplets.values() if one["vpc_uuid"] == vpc]
                + [f"do:loadbalancer:{one['id']}" for one in self.load_balancers.values() if one["vpc_uuid"] == vpc])

    def due(self):
        return time.monotonic() + self.delay

    def bill(self):
        """What the account costs a month, in US dollars, by kind. Kinds that cost nothing are left out."""
        lines = {
            "nodes": sum(SIZES[one["size_slug"]][3] for one in self.droplets.values()),
            "control planes": sum(CONTROL_PLANE for one in self.clusters.values() if one.get("ha")),
            "load balancers": sum(BALANCER * one["size_unit"] for one in self.load_balancers.values()),
            "volumes": sum(VOLUME_GIB * one["size_gigabytes"] for one in self.volumes.values()),
            "snapshots": sum(SNAPSHOT_GIB * one["size_gigabytes"] for one in self.snapshots.values()),
            "registry": TIERS[self.tier]["monthly_price_in_cents"] / 100 if self.registries else 0,
        }
        return {kind: round(dollars, 2) for kind, dollars in lines.items() if dollars}

    def left(self):
        """Everything that somebody made in this account and nobody took away."""
        own = {"vpcs": lambda one: not one.get("default"), "projects": lambda one: not one.get("is_default")}
        return [f"{kind}: {one['name']}" for kind in self.LISTS for one in getattr(self, kind).values()
                if own.get(kind, lambda _: True)(one)]
