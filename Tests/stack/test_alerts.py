"""The alert rules: well-formed, each with a runbook, and each fires when it should and only then."""
import copy
import json
import pathlib
import re

import jsonschema
import pytest
import yaml

from alerting import alerts_of, cases_of, kustomize, promtool, rule_files, unit_test, write_rules

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILES = rule_files(ROOT)
ALERTS = [(name, rule["alert"]) for name, document in FILES.items() for rule in alerts_of(document)]
FAULTS = yaml.safe_load((ROOT / "Tests/stack/alerts/faults.yml").read_text())


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
    delivered = kustomize(ROOT / "deploy/platform/monitoring/alerts")
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
    expected = [case for test in cases(name, alert)["tests"] for case in test["alert_rule_test"] if case["alertname"] == alert]
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
    assert annotations["runbook_url"] == f"https://github.com/acme/fairlead/blob/main/docs/runbooks/{alert}.md"
    # Every label that a sentence names is one that the alert has when it fires.
    fired = [case["exp_labels"] for test in cases(name)["tests"] for expected in test["alert_rule_test"]
             if expected["alertname"] == alert for case in expected["exp_alerts"]]
    named = set(re.findall(r"\$labels\.(\w+)", annotations["summary"] + annotations["description"]))
    for labels in fired:
        assert named <= set(labels), f"{alert} names {named - set(labels)}"


def test_names_are_used_once():
    names = [alert for _, alert in ALERTS]
    assert len(names) == len(set(names))


def test_the_eight_of_the_public_attempt_are_there():
    assert {"HighErrorRate", "HighAPILatency", "PodCrashLooping", "HighKafkaConsumerLag", "NodeMemoryPressure",
            "PodMemoryUsageHigh", "KafkaBrokerDown", "DaprSidecarDown"} <= {alert for _, alert in ALERTS}
