"""The dashboards: what Grafana needs is there, Prometheus reads every query, and every query asks for what exists."""

import json
import pathlib
import re

import promql_parser
import pytest
import yaml

import promql
from alerting import alerts_of, promtool, rule_files
from rendering import kustomize

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy/platform/monitoring/dashboards"
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
EXPRESSIONS = [
    (f"{name}, {rule['alert']}", rule["expr"])
    for name, document in rule_files(ROOT).items()
    for rule in alerts_of(document)
]
NO_BUCKETS = "histogram_quantile of what are no buckets by le"
# What an expression must be refused for.
WRONG = {
    "rate(http_requests_count[5m])": "nobody exports http_requests_count",
    'kafka_consumergroup_lag{group="event-service"}': "kafka_consumergroup_lag has no label group",
    'todo_events_received_total{result="dropped"}': "result of todo_events_received_total is never dropped",
    'fairlead_deliveries_total{outcome=~"lost|gone"}': "outcome of fairlead_deliveries_total is never lost|gone",
    "rate(kafka_brokers[5m])": "rate of kafka_brokers, which is a gauge",
    "delta(http_requests_total[5m])": "delta of http_requests_total, which is a counter",
    "sum by (path) (http_requests_total)": "no series has the label path to group or match by",
    "up * on (topic) group_left () kafka_brokers": "no series has the label topic to group or match by",
    "histogram_quantile(0.9, sum by (job) (rate(http_request_duration_seconds_bucket[5m])))": NO_BUCKETS,
    "histogram_quantile(0.9, sum by (le) (rate(http_requests_total[5m])))": NO_BUCKETS,
}


def panels(name):
    return [panel for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]


def as_prometheus_reads(expression):
    """A query with the value that Grafana would put for its variable."""
    return expression.replace("$__rate_interval", "5m")


def queries(name):
    return [
        (panel["title"], as_prometheus_reads(target["expr"]), target)
        for panel in panels(name)
        for target in panel["targets"]
    ]


ALL = [(name, title, target["expr"], target) for name in DASHBOARDS for title, _, target in queries(name)]


def test_there_are_the_four():
    assert set(DASHBOARDS) == {"application", "kafka", "dapr", "fairlead"}


def test_kustomize_delivers_each_for_the_sidecar():
    delivered = kustomize(FOLDER)
    assert len(delivered) == len(DASHBOARDS)
    for document in delivered:
        assert document["kind"] == "ConfigMap" and document["metadata"]["namespace"] == "monitoring"
        assert document["metadata"]["labels"] == {"grafana_dashboard": "1"}
        ((file, text),) = document["data"].items()
        assert document["metadata"]["name"] == "dashboard-" + file.removesuffix(".json")
        assert json.loads(text) == DASHBOARDS[file.removesuffix(".json")]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_what_grafana_needs(name):
    dashboard = DASHBOARDS[name]
    assert dashboard["uid"] == name and dashboard["title"] and dashboard["schemaVersion"] >= 39
    assert [variable["name"] for variable in dashboard["templating"]["list"]] == ["datasource"]
    identifiers = [panel["id"] for panel in dashboard["panels"]]
    assert len(identifiers) == len(set(identifiers))
    titles = [panel["title"] for panel in panels(name)]
    assert all(titles) and len(titles) == len(set(titles))
    for panel in panels(name):
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"] and panel["targets"], panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references))


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_panel_lies_on_another(name):
    taken = {}
    for panel in DASHBOARDS[name]["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
                taken[x, y] = panel["title"]


@pytest.mark.parametrize("name", DASHBOARDS)
def test_prometheus_reads_every_query(name, tmp_path):
    rules = [
        {"record": f"query:{number}", "expr": expression} for number, (_, expression, _) in enumerate(queries(name))
    ]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": name, "rules": rules}]}))
    _, said = promtool("check", "rules", tmp_path / "rules.yaml")
    assert f"SUCCESS: {len(rules)} rules found" in said


@pytest.mark.parametrize(
    "name,title,expression,target", ALL, ids=[f"{name}, {title}, {target['refId']}" for name, title, _, target in ALL]
)
def test_every_query_asks_for_what_exists(name, title, expression, target):
    assert promql.faults(as_prometheus_reads(expression)) == []
    # What the legend names, the result has; and what has several series has a legend that tells them apart.
    labels = promql.result_labels(promql_parser.parse(as_prometheus_reads(expression)))
    named = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
    assert named <= labels
    if target.get("format") != "table":
        assert labels <= named, f"the legend does not tell {labels - named}"


@pytest.mark.parametrize("name,expression", EXPRESSIONS, ids=[name for name, _ in EXPRESSIONS])
def test_every_alert_asks_for_what_exists(name, expression):
    assert promql.faults(expression) == []


@pytest.mark.parametrize("expression", WRONG)
def test_what_asks_for_what_does_not_exist_is_noticed(expression):
    assert WRONG[expression] in promql.faults(expression)


def test_alerts_that_descriptions_name_are_there():
    alerts = {rule["alert"] for document in rule_files(ROOT).values() for rule in alerts_of(document)}
    named = {
        word
        for name in DASHBOARDS
        for panel in panels(name)
        for word in re.findall(r"(\w+) fires", panel["description"])
    }
    assert named and named <= alerts
