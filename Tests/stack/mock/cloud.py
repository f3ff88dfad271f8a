"""What runs in a cluster at DigitalOcean without being asked: load balancers for Gateways and Services, volumes for claims.

As long as a cluster lives, a load balancer that is deleted by hand is made again. When it is gone, what it made stays.
"""
import json
import threading
import urllib.error
import urllib.request


ADDRESS = "203.0.113.20"


class Controllers:
    """Looks at a Kubernetes API every `period` seconds, until it is stopped or the cluster is gone."""

    def __init__(self, account, cluster, address, period=0.1):
        self.account, self.cluster, self.address, self.period = account, cluster, address, period
        self.claims = set()
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(self.period):
            wanted = self.wanted()
            with self.account.lock:
                if self.cluster["id"] not in self.account.clusters:
                    return
                if wanted is not None and self.cluster["status"]["state"] == "running":
                    self.reconcile(*wanted)

    def items(self, path):
        try:
            with urllib.request.urlopen(self.address + path, timeout=5) as answer:
                return json.loads(answer.read())["items"]
        except urllib.error.HTTPError:
            return []

    def wanted(self):
        try:
            services = [one for one in self.items("/api/v1/services") if one["spec"].get("type") == "LoadBalancer"]
            gateways = self.items("/apis/gateway.networking.k8s.io/v1/gateways")
            return services + gateways, self.items("/api/v1/persistentvolumeclaims")
        except OSError:
            return None

    def reconcile(self, balanced, claims):
        account, cluster = self.account, self.cluster
        have = {one["of"] for one in account.load_balancers.values()}
        for one in balanced:
            if one.get("kind") == "Gateway" and not one.get("status"):
                self.give_address(one["metadata"])
            if one["metadata"]["uid"] not in have:
                account.add("load_balancers", name="a" + one["metadata"]["uid"].replace("-", ""), size_unit=1, status="active",
                            ip=ADDRESS, region=cluster["region"], vpc_uuid=cluster["vpc_uuid"],
                            cluster=cluster["id"], of=one["metadata"]["uid"],
                            tags=[f"k8s:{cluster['id']}"])
        for one in claims:
            if one["metadata"]["uid"] not in self.claims:
                self.claims.add(one["metadata"]["uid"])
                gib = int(one["spec"]["resources"]["requests"]["storage"].removesuffix("Gi"))
                attached = [int(node["droplet_id"]) for pool in cluster["node_pools"] for node in pool["nodes"]][:1]
                account.add("volumes", name=f"pvc-{one['metadata']['uid']}", size_gigabytes=gib, region=cluster["region"],
                            droplet_ids=attached, tags=["k8s", f"k8s:{cluster['id']}"])

    def give_address(self, metadata):
        path = f"/apis/gateway.networking.k8s.io/v1/namespaces/{metadata['namespace']}/gateways/{metadata['name']}"
        body = {"status": {"addresses": [{"type": "IPAddress", "value": ADDRESS}]}}
        request = urllib.request.Request(self.address + path, method="PATCH", data=json.dumps(body).encode())
        request.add_header("Content-Type", "application/merge-patch+json")
        urllib.request.urlopen(request, timeout=5).close()

    def stop(self):
        self.stopped.set()
        self.thread.join()
