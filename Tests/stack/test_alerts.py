"""The alert rules: well-formed, each with a runbook, and each fires when it should and only then."""

import copy
import json
import pathlib
import re

import jsonschema
import pytest
import yaml

from alerting import alerts_of, cases_of, promtool, rule_files, unit_test, write_rules
from manifests import read
from rendering import kustomize
from rendering import values as helm_values

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parsed(path):
    """A file of YAML of the repository."""
    return yaml.safe_load((ROOT / path).read_text())


FILES = rule_files(ROOT)
FAULTS = parsed("Tests/stack/alerts/faults.yml")
ALERTS = [(name, rule["alert"]) for name, document in FILES.items() for rule in alerts_of(document)]


def cases(name, alert=None):
    return cases_of(ROOT / f"Tests/stack/alerts/{name}.yaml", alert)


def with_expression(name, alert, expression):
    """The rules of a file with another expression for one alert."""
    document = copy.deepcopy(FILES[name])
    for rule in alerts_of(document):
        if rule["alert"] == alert:
            rule["expr"] = expression
    return document


@pytest.mark.parametrize("name", FILES)
def test_schema(name, contracts):
    schema = json.loads((contracts / "crds/json-schemas/monitoring.coreos.com/prometheusrule_v1.json").read_text())
    assert FILES[name]["apiVersion"] == "monitoring.coreos.com/v1" and FILES[name]["kind"] == "PrometheusRule"
    jsonschema.validate(FILES[name], schema)


@pytest.mark.parametrize("name", FILES)
def test_promtool_takes_the_rules(name, tmp_path):
    _, said = promtool("check", "rules", write_rules(tmp_path, FILES[name]))
    assert f"SUCCESS: {len(alerts_of(FILES[name]))} rules found" in said


def test_kustomize_delivers_every_file():
    delivered = kustomize("deploy/platform/monitoring/alerts")
    assert sorted(document["metadata"]["name"] for document in delivered) == sorted(FILES)
    assert {document["metadata"]["namespace"] for document in delivered} == {"monitoring"}
    for document in delivered:
        assert document["spec"] == FILES[document["metadata"]["name"]]["spec"]


@pytest.mark.parametrize("name", FILES)
def test_each_fires_when_it_should_and_only_then(name, tmp_path):
    status, said = unit_test(tmp_path, FILES[name], cases(name))
    assert status == 0, said


@pytest.mark.parametrize("name,alert", ALERTS)
def test_the_cases_notice_an_alert_that_never_fires_and_one_that_always_does(name, alert, tmp_path):
    expected = [
        case for test in cases(name, alert)["tests"] for case in test["alert_rule_test"] if case["alertname"] == alert
    ]
    assert any(case["exp_alerts"] for case in expected) and any(not case["exp_alerts"] for case in expected)
    # What fires has the labels that are expected, so that only the moment is wrong.
    labels = next(case["exp_alerts"][0]["exp_labels"] for case in expected if case["exp_alerts"])
    always = "vector(1)"
    for label, value in labels.items():
        always = f'label_replace({always}, "{label}", "{value}", "", "")'
    for expression in ("vector(1) > 1", always):
        status, said = unit_test(tmp_path, with_expression(name, alert, expression), cases(name, alert))
        assert status == 1 and f"alertname: {alert}" in said, f"with {expression}: {said}"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault['alert']}: {fault['fault']}")
def test_the_cases_notice_the_faults_of_the_public_attempt(fault, tmp_path):
    name, alert = fault["file"], fault["alert"]
    status, said = unit_test(tmp_path, with_expression(name, alert, fault["expr"]), cases(name, alert))
    assert status == 1 and f"alertname: {alert}" in said, said


@pytest.mark.parametrize("name,alert", ALERTS)
def test_annotations(name, alert):
    rule = next(rule for rule in alerts_of(FILES[name]) if rule["alert"] == alert)
    assert rule["labels"]["severity"] in ("critical", "warning")
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    # Which repository's, Prometheus is told when it is set up.
    assert annotations["runbook_url"] == f"{{{{ $externalLabels.repository }}}}/docs/runbooks/{alert}.md"
    # Every label that a sentence names is one that the alert has when it fires.
    fired = [
        case["exp_labels"]
        for test in cases(name)["tests"]
        for expected in test["alert_rule_test"]
        if expected["alertname"] == alert
        for case in expected["exp_alerts"]
    ]
    named = set(re.findall(r"\$labels\.(\w+)", annotations["summary"] + annotations["description"]))
    for labels in fired:
        assert named <= set(labels), f"{alert} names {named - set(labels)}"


def test_names_are_used_once():
    names = [alert for _, alert in ALERTS]
    assert len(names) == len(set(names))


def test_the_eight_of_the_public_attempt_are_there():
    assert {
        "HighErrorRate",
        "HighAPILatency",
        "PodCrashLooping",
        "HighKafkaConsumerLag",
        "NodeMemoryPressure",
        "PodMemoryUsageHigh",
        "KafkaBrokerDown",
        "DaprSidecarDown",
    } <= {alert for _, alert in ALERTS}


def expression(alert):
    return next(rule["expr"] for document in FILES.values() for rule in alerts_of(document) if rule["alert"] == alert)


def test_the_number_of_brokers_is_that_of_the_cluster():
    pools = [document for document in read("deploy/platform/kafka") if document["kind"] == "KafkaNodePool"]
    brokers = sum(pool["spec"]["replicas"] for pool in pools if "broker" in pool["spec"]["roles"])
    assert f"< {brokers}" in expression("KafkaBrokerDown")


def test_the_consumer_group_is_the_one_that_dapr_takes():
    (pubsub,) = (
        document
        for document in read("deploy/platform/dapr/components")
        if document["kind"] == "Component" and document["metadata"]["name"] == "pubsub"
    )
    # Without one of these it is the app id, which the chart takes from the name of the program.
    assert not {item["name"] for item in pubsub["spec"]["metadata"]} & {"consumerGroup", "consumerID"}
    programs = parsed("deploy/todo/chart/values.yaml")["programs"]
    assert programs["event-service"]["dapr"]
    for alert in ("HighKafkaConsumerLag", "KafkaConsumerGroupGone"):
        assert 'consumergroup="event-service"' in expression(alert)
    topics = {
        document["metadata"]["name"] for document in read("deploy/platform/kafka") if document["kind"] == "KafkaTopic"
    }
    pattern = re.search(r'topic=~"([^"]+)"', expression("HighKafkaConsumerLag")).group(1)
    assert topics and all(re.fullmatch(pattern, topic) for topic in topics)


def test_every_program_with_a_sidecar_is_watched_for_it():
    programs = parsed("deploy/todo/chart/values.yaml")["programs"]
    pattern = re.search(r'pod=~"([^"]+)"', expression("DaprSidecarDown")).group(1)
    assert {name for name in programs if re.fullmatch(pattern, f"{name}-7f9c-x2b")} == {
        name for name, program in programs.items() if program["dapr"]
    }


def test_every_program_of_ours_is_missed_when_it_is_gone():
    programs = parsed("deploy/todo/chart/values.yaml")["programs"]
    assert set(re.findall(r'todo_build_info\{program="([^"]+)"\}', expression("MetricsAbsent"))) == set(programs)


def test_every_namespace_that_is_named_is_there():
    namespaces = {
        document["metadata"]["name"]
        for document in read("deploy/platform/namespaces", "deploy/fairlead/base")
        if document["kind"] == "Namespace"
    }
    named = {name for _, alert in ALERTS for name in re.findall(r'namespace="([^"]+)"', expression(alert))}
    assert named and named <= namespaces


def test_the_pipeline_delivers_everything_of_monitoring():
    pipeline = parsed("pipelines/stack/monitoring.yaml")
    delivered = kustomize(pipeline["deploy"]["helm"]["kustomize"])
    kinds = [document["kind"] for document in delivered]
    assert [kinds.count(kind) for kind in ("PrometheusRule", "ConfigMap", "PodMonitor")] == [len(FILES), 4, 1]
    assert {document["metadata"]["namespace"] for document in delivered} == {pipeline["deploy"]["namespace"]}


def test_runbooks_are_those_of_the_repository_that_is_deployed():
    pipeline = parsed("pipelines/stack/monitoring.yaml")
    source, helm = pipeline["source"], pipeline["deploy"]["helm"]
    labels = helm_values(helm)["prometheus"]["prometheusSpec"]["externalLabels"]
    assert labels == {"repository": f"https://github.com/{source['github']}/blob/{source['branch']}"}
    # An external label that a rule sets too would not be told.
    assert not [alert for _, alert in ALERTS if "repository" in expression(alert)]


def test_prometheus_and_grafana_take_what_is_delivered():
    values = parsed("deploy/platform/monitoring/values.yaml")
    prometheus = values["prometheus"]["prometheusSpec"]
    for kind in ("rule", "podMonitor", "serviceMonitor"):
        assert prometheus[f"{kind}SelectorNilUsesHelmValues"] is False
    dashboards = values["grafana"]["sidecar"]["dashboards"]
    assert dashboards["enabled"] and (dashboards["label"], dashboards["labelValue"]) == ("grafana_dashboard", "1")
    assert dashboards["searchNamespace"] in ("monitoring", "ALL")


def test_no_alert_of_the_chart_has_the_name_of_one_of_ours():
    values = parsed("deploy/platform/monitoring/values.yaml")
    # kube-prometheus-stack 88.5.3 has a TargetDown of its own; its other names begin with Kube, Node or a component.
    assert {"TargetDown"} <= {alert for _, alert in ALERTS} & set(values["defaultRules"]["disabled"])


def test_the_monitor_of_fairlead_finds_it(contracts):
    (monitor,) = read("deploy/platform/monitoring/fairlead.yaml")
    jsonschema.validate(
        monitor, json.loads((contracts / "crds/json-schemas/monitoring.coreos.com/podmonitor_v1.json").read_text())
    )
    (deployment,) = (
        document
        for document in read("deploy/fairlead/base")
        if document["kind"] == "Deployment" and document["metadata"]["name"] == "fairlead"
    )
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert monitor["spec"]["namespaceSelector"]["matchNames"] == [deployment["metadata"]["namespace"]]
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] in {
        port["name"]
        for container in deployment["spec"]["template"]["spec"]["containers"]
        for port in container["ports"]
    }
    secret = endpoint["authorization"]["credentials"]
    # Who sets the stack up reads there what is to be made.
    assert f" monitoring {secret['name']} {secret['key']}\n" in (ROOT / "deploy/platform/secrets.txt").read_text()
