"""Which pods the stack has, and what each asks of its node."""
import dataclasses
import re

from manifests import read
from rendering import NoChart, own, pipelines, render

UNITS = {"": 1, "m": 0.001, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def quantity(text):
    number, unit = re.fullmatch(r"([0-9.]+)([a-zA-Z]*)", str(text)).groups()
    return float(number) * UNITS[unit]


@dataclasses.dataclass(frozen=True)
class Pods:
    """Pods that are alike: `count` at rest and `most` under load; on every node if `everywhere`, and on different nodes if
    `apart`. CPU in cores, memory in bytes."""
    name: str
    count: int
    most: int
    cpu: float
    memory: float
    everywhere: bool = False
    apart: bool = False
    pool: str = "work"


def asked(containers):
    requests = [container.get("resources", {}).get("requests", {}) for container in containers]
    return sum(quantity(r.get("cpu", 0)) for r in requests), sum(quantity(r.get("memory", 0)) for r in requests)


def of(objects, where):
    """The pods that objects make, also those of operators."""
    scaled = {o["spec"]["scaleTargetRef"]["name"]: o["spec"] for o in objects if o.kind == "HorizontalPodAutoscaler"}
    # The reloaders beside Prometheus and Alertmanager get what their operator is told.
    reloader = next((pod_arguments(o) for o in objects if o.name == "monitoring-operator" and o.pod), {})
    for object in objects:
        name = f"{where}/{object.name}"
        spec = object.get("spec") or {}
        if object.pod:
            yield workload(object, name, scaled.get(object.name))
        elif object.kind == "KafkaNodePool":
            cpu, memory = asked([spec])
            yield Pods(name, spec["replicas"], spec["replicas"], cpu, memory, apart="podAntiAffinity" in str(spec))
        elif object.kind == "Kafka":
            operators = spec["entityOperator"]
            cpu, memory = asked([operators["topicOperator"], operators["userOperator"]])
            yield Pods(f"{name}-entity-operator", 1, 1, cpu, memory)
            cpu, memory = asked([spec["kafkaExporter"]])
            yield Pods(f"{name}-exporter", 1, 1, cpu, memory)
        elif object.kind in ("Prometheus", "Alertmanager"):
            cpu, memory = asked([spec])
            cpu += quantity(reloader["config-reloader-cpu-request"])
            memory += quantity(reloader["config-reloader-memory-request"])
            yield Pods(f"{name}-{object.kind.lower()}", spec["replicas"], spec["replicas"], cpu, memory)


def workload(object, name, scaled):
    pod = object.pod
    cpu, memory = asked(pod["spec"]["containers"])
    annotations = pod["metadata"].get("annotations") or {}
    if annotations.get("dapr.io/enabled") == "true":
        cpu += quantity(annotations["dapr.io/sidecar-cpu-request"])
        memory += quantity(annotations["dapr.io/sidecar-memory-request"])
    count = scaled["minReplicas"] if scaled else object["spec"].get("replicas", 1)
    most = scaled["maxReplicas"] if scaled else count
    pool = pod["spec"].get("nodeSelector", {}).get("doks.digitalocean.com/node-pool", "work")
    return Pods(name, count, most, cpu, memory, everywhere=object.kind == "DaemonSet", pool=pool)


def pod_arguments(object):
    arguments = object.pod["spec"]["containers"][0]["args"]
    return dict(argument.lstrip("-").partition("=")[::2] for argument in arguments)


def of_charts(name):
    """The pods of a pipeline whose chart others publish.

    Raises NoChart.
    """
    return list(of(render(name), name))


def of_fairlead(kustomize):
    """Those of the server itself and of its builder."""
    return list(of(kustomize("deploy/fairlead/overlays/doks"), "fairlead"))


def published():
    """The pipelines whose charts others publish."""
    return [name for name, pipeline in pipelines().items()
            if pipeline["deploy"].get("helm", {}).get("chart", "").startswith("https")]
