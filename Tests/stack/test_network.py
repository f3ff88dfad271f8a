"""Nothing gets through that nobody needs, and everything does that somebody does."""

import re

import pytest
import yaml

from manifests import ROOT, read
from policies import Address, Network, Pod, pod
from rendering import NoChart, kustomize, own, pipelines, render, stack

BACKEND = pod("todo", app_kubernetes_io__name="backend")
EVENTS = pod("todo", app_kubernetes_io__name="event-service")
FRONTEND = pod("todo", app_kubernetes_io__name="frontend")
FAIRLEAD = pod("fairlead", app_kubernetes_io__name="fairlead")
BUILDER = pod("fairlead-builder", app_kubernetes_io__name="fairlead-builder")
SOLVER = pod("gateway", fairlead_dev__acme="solver")
KAFKA, STRIMZI, DAPR, REDIS = Pod("kafka"), Pod("strimzi"), Pod("dapr-system"), Pod("redis")
JAEGER, MONITORING, CERTS, DNS = Pod("tracing"), Pod("monitoring"), Pod("cert-manager"), Pod("kube-system")
# By addresses: the API server as pods see it, a node, the internet, where a cloud keeps its credentials.
API, NODE, INTERNET, METADATA = (
    Address("10.109.0.1"),
    Address("10.110.0.7"),
    Address("203.0.113.9"),
    Address("169.254.169.254"),
)
# A gateway's requests come from no pod, and from an address that nobody knows beforehand.
GATEWAY = Address("10.110.0.3")

# Who needs whom, and on which port. What is missing here fails further down, as far as manifests name it.
NEEDED = [
    (GATEWAY, BACKEND, 8000),
    (GATEWAY, EVENTS, 8001),
    (GATEWAY, FRONTEND, 8080),
    (GATEWAY, FAIRLEAD, 8080),
    (GATEWAY, SOLVER, 8089),
    *[
        (program, place, port)
        for program in (BACKEND, EVENTS)
        for place, port in [(KAFKA, 9093), (REDIS, 6379), (JAEGER, 4317), (JAEGER, 4318), (DAPR, 6500), (DAPR, 50001)]
    ],
    (FRONTEND, JAEGER, 4318),
    (FAIRLEAD, JAEGER, 4318),
    (FAIRLEAD, BUILDER, 8080),
    # Webhooks.
    (API, DAPR, 4000),
    (API, DAPR, 19443),
    (API, CERTS, 10250),
    # Operators ask the API server.
    *[(operator, API, 443) for operator in (KAFKA, STRIMZI, DAPR, MONITORING, CERTS, FAIRLEAD)],
    # Kafka among itself, and its operator.
    *[(KAFKA, KAFKA, port) for port in (9090, 9091, 9092, 9093)],
    (STRIMZI, KAFKA, 9090),
    (STRIMZI, KAFKA, 9091),
    (STRIMZI, KAFKA, 8443),
    (DAPR, DAPR, 50001),
    (MONITORING, NODE, 9100),
    (MONITORING, NODE, 10250),
    (MONITORING, INTERNET, 443),
    (CERTS, INTERNET, 443),
    (CERTS, INTERNET, 80),
    (FAIRLEAD, INTERNET, 443),
    (BUILDER, INTERNET, 443),
]

REFUSED = [
    (FRONTEND, REDIS, 6379),
    (FRONTEND, KAFKA, 9093),
    (FRONTEND, BACKEND, 9090),
    (BACKEND, KAFKA, 9092),
    (BACKEND, INTERNET, 443),
    (BACKEND, API, 443),
    (BACKEND, MONITORING, 9090),
    (EVENTS, NODE, 10250),
    (REDIS, INTERNET, 443),
    (REDIS, BACKEND, 8000),
    (JAEGER, INTERNET, 443),
    (MONITORING, KAFKA, 9093),
    (MONITORING, REDIS, 6379),
    (BUILDER, API, 443),
    (BUILDER, FAIRLEAD, 8080),
    (BUILDER, BACKEND, 8000),
    (Pod("default"), REDIS, 6379),
    (Pod("default"), KAFKA, 9093),
    (Pod("default"), DAPR, 50001),
    (GATEWAY, REDIS, 6379),
    (SOLVER, INTERNET, 443),
    *[
        (anybody, METADATA, 80)
        for anybody in (BACKEND, FRONTEND, KAFKA, STRIMZI, DAPR, MONITORING, CERTS, FAIRLEAD, BUILDER)
    ],
]


@pytest.fixture(scope="module")
def network():
    ours = [(namespace, object) for namespace, object in stack(only_own=True) if object.kind == "NetworkPolicy"]
    bootstrap = [*kustomize("deploy/fairlead/overlays/doks"), *kustomize("deploy/platform/namespaces")]
    return Network(ours + [(o.namespace, o) for o in bootstrap if o.kind == "NetworkPolicy"])


def named(value):
    return (
        str(value)
        if not isinstance(value, Pod)
        else f"{value.namespace}:{'-'.join(v for _, v in sorted(value.labels))}"
    )


@pytest.mark.parametrize("source, destination, port", NEEDED, ids=named)
def test_what_is_needed_gets_through(source, destination, port, network):
    assert network.allows(source, destination, port)


@pytest.mark.parametrize("source, destination, port", REFUSED, ids=named)
def test_what_nobody_needs_does_not(source, destination, port, network):
    assert not network.allows(source, destination, port)


def test_every_namespace_denies_by_default(network):
    namespaces = {object.name for object in read("deploy/platform/namespaces/namespaces.yaml")}
    closed = {
        namespace
        for namespace, policy in network.policies
        if policy["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    }
    assert namespaces <= closed


def test_every_policy_of_a_pod_asks_for_names_of_hosts(network):
    """Who may send anything at all may ask for addresses."""
    for namespace, policy in network.policies:
        egress = policy["spec"].get("egress") or []
        if not egress or policy["metadata"]["name"] in ("fairlead-traces", "fairlead-builder"):
            continue
        ports = [(port["port"], port["protocol"]) for rule in egress for port in rule.get("ports", [])]
        assert (53, "UDP") in ports and (53, "TCP") in ports, f"{namespace}: {policy['metadata']['name']}"


SERVICE = re.compile(r"([a-z0-9-]+)\.([a-z0-9-]+)\.svc(?:\.cluster\.local)?:(\d+)")


def addresses():
    """(who, namespace that is meant, Service, port) of every address that our manifests and values name."""
    for name, pipeline in pipelines().items():
        namespace = pipeline["deploy"]["namespace"]
        texts = [str(dict(object)) for object in own(name)]
        texts += [(ROOT / file).read_text() for file in pipeline["deploy"].get("helm", {}).get("values", [])]
        for service, place, port in {found for text in texts for found in SERVICE.findall(text)}:
            yield namespace, place, service, int(port)


def test_every_address_that_is_named_can_be_reached(network):
    found = list(addresses())
    assert {
        ("todo", "kafka", "todo-kafka-bootstrap", 9093),
        ("todo", "redis", "redis", 6379),
        ("todo", "tracing", "jaeger", 4317),
        ("monitoring", "tracing", "jaeger", 16686),
    } <= set(found)
    for namespace, place, service, port in found:
        sources = [BACKEND, EVENTS] if namespace == "todo" else [Pod(namespace)]
        for source in sources:
            assert network.allows(source, Pod(place), port), f"{namespace} cannot reach {service}.{place}:{port}"


def test_every_address_that_is_named_is_a_service_with_that_port():
    services = {
        (namespace, object.name): {port["port"] for port in object["spec"]["ports"]}
        for namespace, object in stack(only_own=True)
        if object.kind == "Service"
    }
    # Strimzi makes it of the Kafka's listeners.
    kafka = next(object for object in own("kafka") if object.kind == "Kafka")
    services["kafka", "todo-kafka-bootstrap"] = {listener["port"] for listener in kafka["spec"]["kafka"]["listeners"]}
    for _, place, service, port in addresses():
        assert port in services[place, service], f"{service}.{place}:{port}"


def monitored(objects):
    """(namespace, monitor, port's name, numbers) of what Prometheus asks where; objects with their namespaces."""
    pods = [(namespace, object.pod) for namespace, object in objects if object.pod]
    services = [(namespace, object) for namespace, object in objects if object.kind == "Service"]

    def numbers(template, name):
        ports = {
            p["name"]: p["containerPort"]
            for c in template["spec"]["containers"]
            for p in c.get("ports", [])
            if "name" in p
        }
        annotations = template["metadata"].get("annotations") or {}
        if annotations.get("dapr.io/enabled") == "true":
            ports["dapr-metrics"] = int(annotations["dapr.io/metrics-port"])
        return ports.get(name, name if isinstance(name, int) else None)

    for namespace, monitor in objects:
        spec = monitor.get("spec") or {}
        wanted = (spec.get("selector") or {}).get("matchLabels") or {}
        namespace = ((spec.get("namespaceSelector") or {}).get("matchNames") or [namespace])[0]
        fits = lambda labels: wanted.items() <= (labels or {}).items()
        if monitor.kind == "PodMonitor":
            for endpoint in spec["podMetricsEndpoints"]:
                found = {
                    numbers(t, endpoint["port"])
                    for ns, t in pods
                    if ns == namespace and fits(t["metadata"].get("labels"))
                }
                yield namespace, monitor, endpoint["port"], {number for number in found if number}
        elif monitor.kind == "ServiceMonitor":
            for endpoint in spec["endpoints"]:
                found = set()
                for ns, service in services:
                    if ns != namespace or not fits(service.labels):
                        continue
                    for port in service["spec"]["ports"]:
                        if port.get("name") == endpoint.get("port"):
                            selector = service["spec"].get("selector") or {}
                            found |= {
                                numbers(t, port.get("targetPort", port["port"]))
                                for n, t in pods
                                if n == ns and selector.items() <= t["metadata"]["labels"].items()
                            }
                yield namespace, monitor, endpoint.get("port"), {number for number in found if number}


# Pods that operators make, which no manifest has, and what DOKS runs.
BY_OPERATORS = {"kafka": {9404}, "prometheus": {9090}, "alertmanager": {9093}, "apiserver": {443}, "kubelet": {10250}}


def test_every_monitor_finds_a_port_and_may_ask_it(network):
    try:
        objects = stack()
    except NoChart:
        objects = stack(only_own=True)
    objects += [("fairlead", object) for object in kustomize("deploy/fairlead/overlays/doks")]
    seen = 0
    for namespace, monitor, port, numbers in monitored(objects):
        role = monitor.name.removeprefix("monitoring-")
        numbers = numbers or BY_OPERATORS.get(role, set())
        assert numbers or not has_pods(objects, namespace), f"{namespace}/{monitor.name}: nothing has the port {port}"
        for number in numbers:
            target = {"apiserver": API, "kubelet": NODE, "node-exporter": NODE}.get(role, None)
            particular = {"todo": [BACKEND, EVENTS], "fairlead": [FAIRLEAD]}
            for destination in [target] if target else particular.get(namespace, [Pod(namespace)]):
                if (destination, number) in [(BACKEND, 8001), (BACKEND, 8080), (EVENTS, 8000), (EVENTS, 8080)]:
                    continue
                assert network.allows(
                    MONITORING, destination, number
                ), f"{namespace}/{monitor.name}: {number} is closed"
                seen += 1
    assert seen >= 7


def has_pods(objects, namespace):
    return any(object.pod for place, object in objects if place == namespace)
