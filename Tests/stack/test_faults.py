"""The faults of a well-known public attempt at this stack, as far as manifests, chart and Terraform can have them: each
is looked for by its name."""

import re

import pytest
import yaml

from manifests import ROOT
from rendering import NoChart, own, pipelines, render, stack
from test_joins import one, route
from test_manifests import todo


def everything():
    """All objects; without the published charts where this machine has none."""
    try:
        return [object for _, object in stack()]
    except NoChart:
        return [object for _, object in stack(only_own=True)]


def of_kind(*kinds):
    found = [object for object in everything() if object.kind in kinds]
    assert found, f"no {kinds}"
    return found


def test_monitors_have_the_version_of_their_operator():
    for object in of_kind("ServiceMonitor", "PodMonitor"):
        assert object["apiVersion"] == "monitoring.coreos.com/v1", str(object)


def test_kafka_is_of_a_version_that_there_still_is_and_without_zookeeper():
    for object in of_kind("Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"):
        assert object["apiVersion"] == "kafka.strimzi.io/v1", str(object)
        assert "zookeeper" not in object["spec"]
    assert {role for pool in of_kind("KafkaNodePool") for role in pool["spec"]["roles"]} == {"controller", "broker"}


def test_dapr_speaks_mtls_and_says_with_whom():
    for object in of_kind("Configuration"):
        mtls = object["spec"].get("mtls")
        if mtls:
            assert mtls["enabled"] is True and mtls["controlPlaneTrustDomain"] and mtls["sentryAddress"], str(object)
    values = yaml.safe_load((ROOT / "deploy/platform/dapr/values.yaml").read_text())
    assert values["global"]["mtls"]["enabled"] is True
    try:
        system = one(render("dapr"), "Configuration", "daprsystem")
    except NoChart as missing:
        pytest.skip(str(missing))
    assert system["spec"]["mtls"]["enabled"] is True


def test_paths_are_not_rewritten_on_the_way():
    objects = render("todo")
    assert "URLRewrite" not in str(one(objects, "HTTPRoute", "todo"))
    for path, program in [
        ("/api/health", "backend"),
        ("/api/tasks/1/complete", "backend"),
        ("/api/events", "event-service"),
        ("/api/eventsource", "backend"),
        ("/apiary", "frontend"),
        ("/", "frontend"),
    ]:
        assert route(objects, path) == (program, path)
    # What the smoke test asks for is the API itself, which answers JSON where a page would answer HTML.
    check = next(c for c in pipelines()["todo"]["smokeTest"] if c.get("get", "").endswith("/api/health"))
    assert check["expect"]["headers"]["Content-Type"] == "application/json"


def test_services_probes_and_gateway_name_the_port_of_the_container():
    for file in ("production.yaml", "small.yaml"):
        objects = todo(file)
        for deployment in [object for object in objects if object.kind == "Deployment"]:
            container = deployment.pod["spec"]["containers"][0]
            ports = {port["name"]: port["containerPort"] for port in container["ports"]}
            service = one(objects, "Service", deployment.name)["spec"]
            assert service["selector"].items() <= deployment.pod["metadata"]["labels"].items()
            for port in service["ports"]:
                assert ports[port["targetPort"]] == port["port"]
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["httpGet"]["port"] in ports
            for rule in one(objects, "HTTPRoute", "todo")["spec"]["rules"]:
                for backend in rule.get("backendRefs", []):
                    if backend["name"] == deployment.name:
                        assert backend["port"] in {port["port"] for port in service["ports"]}


def test_every_image_that_is_built_has_a_file_to_build_it_from():
    for name, pipeline in pipelines().items():
        for image, build in pipeline.get("images", {}).items():
            file = ROOT / build["dockerfile"]
            if not (ROOT / "deploy/todo/backend").exists():
                pytest.skip("the application's sources are not here")
            assert file.is_file(), f"{name}: {image} has no {build['dockerfile']}"


IMAGE = re.compile(r"^(?P<name>[^@:]+(?::\d+/[^@:]+)?)(?::(?P<tag>[^@]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?$")


def images(objects):
    for object in objects:
        spec = object.pod["spec"] if object.pod else {}
        for container in [*spec.get("initContainers", []), *spec.get("containers", [])]:
            yield object, container["image"]


def test_images_of_our_manifests_are_digests_or_built_and_pinned():
    seen = 0
    for name, pipeline in pipelines().items():
        for object, image in images(own(name)):
            built = image in pipeline.get("images", {})
            assert built or IMAGE.match(image)["digest"], f"{object}: {image} may be another one tomorrow"
            seen += 1
    assert seen == 6
    # Nothing is built in vain.
    for name, pipeline in pipelines().items():
        assert (
            set(pipeline.get("images", {})) <= {image for _, image in images(render(name))}
            if "images" in pipeline
            else True
        )


def test_no_image_is_the_latest():
    for object, image in images(everything()):
        match = IMAGE.match(image)
        assert match and match["tag"] != "latest", f"{object}: {image}"
        assert (
            match["digest"] or match["tag"] or image in pipelines()["todo"]["images"]
        ), f"{object}: {image} has no version"


def test_the_chart_takes_no_tag():
    from helm_python import HelmError
    from rendering import helm, merged

    chart = ROOT / "deploy/todo/chart"
    digest = "registry.example.com/acme/backend@sha256:" + "0" * 64
    for image, good in [
        ("backend", True),
        (digest, True),
        ("backend:latest", False),
        ("acme/backend:1.2.3", False),
        ("backend@sha256:0", False),
        ("", False),
    ]:
        values = {"programs": {"backend": {"image": image}}}
        if good:
            assert image in {i for _, i in images(helm(chart, values, "todo", "todo"))}
        else:
            with pytest.raises(HelmError):
                helm(chart, values, "todo", "todo")


def test_replicas_are_not_set_beside_an_autoscaler():
    for file in ("production.yaml", "small.yaml"):
        objects = todo(file)
        scaled = {o["spec"]["scaleTargetRef"]["name"] for o in objects if o.kind == "HorizontalPodAutoscaler"}
        assert scaled == ({"backend", "event-service", "frontend"} if file == "production.yaml" else set())
        for deployment in [object for object in objects if object.kind == "Deployment"]:
            assert ("replicas" in deployment["spec"]) == (deployment.name not in scaled), f"{file}: {deployment.name}"
    for object in of_kind("HorizontalPodAutoscaler"):
        assert {metric["containerResource"]["name"] for metric in object["spec"]["metrics"]} == {"cpu", "memory"}


def test_pods_are_closed_off():
    """No root, no writing to the image, no added capabilities, seccomp; what is limited says so."""
    for name in pipelines():
        for object in own(name):
            if not object.pod:
                continue
            spec = object.pod["spec"]
            assert spec["securityContext"]["runAsNonRoot"] is True
            assert spec["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
            assert spec.get("automountServiceAccountToken") is False
            for container in spec["containers"]:
                context = container["securityContext"]
                assert context["readOnlyRootFilesystem"] is True and context["allowPrivilegeEscalation"] is False, str(
                    object
                )
                assert context["capabilities"] == {"drop": ["ALL"]}
                assert (
                    container["resources"]["requests"].keys() == {"cpu", "memory"}
                    and "memory" in container["resources"]["limits"]
                )


def test_budgets_leave_room_to_drain_a_node():
    for object in of_kind("PodDisruptionBudget"):
        spec = object["spec"]
        assert spec.get("maxUnavailable") or spec.get("minAvailable") == 1, str(object)
    assert not [
        object for object in todo("small.yaml") if object.kind == "PodDisruptionBudget"
    ], "one pod could never go"


def test_topics_survive_a_broker():
    topics = {object.name: object["spec"] for object in own("kafka") if object.kind == "KafkaTopic"}
    brokers = sum(object["spec"]["replicas"] for object in own("kafka") if object.kind == "KafkaNodePool")
    assert {f"todo.tasks.{what}" for what in ("created", "updated", "deleted", "completed")} <= topics.keys()
    for name, spec in topics.items():
        assert (
            spec["partitions"] == 3 and spec["replicas"] == brokers == 3 and spec["config"]["min.insync.replicas"] == 2
        )
    assert topics["todo.tasks.created"]["config"]["retention.ms"] == 7 * 86_400_000


def test_events_are_not_lost_on_the_way():
    """Acknowledged by enough brokers, tried again, and kept where they cannot be handled."""
    pubsub = one(own("todo"), "Component", "pubsub")
    metadata = {item["name"]: item.get("value") for item in pubsub["spec"]["metadata"]}
    assert (
        metadata["requiredAcks"] == "all" and metadata["initialOffset"] == "oldest" and "consumerGroup" not in metadata
    )
    policies = one(own("todo"), "Resiliency", "todo")["spec"]["policies"]
    assert policies["retries"] and policies["circuitBreakers"] and policies["timeouts"]
    groups = {
        acl["resource"]["name"]
        for acl in one(own("kafka"), "KafkaUser", "todo")["spec"]["authorization"]["acls"]
        if acl["resource"]["type"] == "group"
    }
    # The consumer group is the id of the application that subscribes: alerts ask for its lag.
    subscriber = one(render("todo"), "Deployment", "event-service").pod["metadata"]["annotations"]["dapr.io/app-id"]
    assert groups == {subscriber}
