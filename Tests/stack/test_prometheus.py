"""A real Prometheus watches the real Fairlead and the real application at work: what they export is what is listed,
what dashboards ask for is there, and the alerts that should fire do."""

import json
import math
import re
import shutil
import subprocess

import promql_parser
import pytest
from prometheus_client.parser import text_string_to_metric_families

import promql
from alerting import REPOSITORY, promtool
from test_dashboards import DASHBOARDS, queries
from watched import PROGRAMS, Watched, until

# Without data here, each for its reason.
EMPTY = {"Certificates": "no smoke test here asks over TLS"}


@pytest.fixture(scope="module")
def watched(built):
    """All started and put to work: people with tasks, a deploy that succeeds, one that is undone, and who knocks."""
    missing = [name for name in PROGRAMS if not (built / name).exists()]
    if missing:
        pytest.skip(f"not built: {', '.join(missing)}")
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is missing: apt-get install prometheus")
    with pytest.MonkeyPatch.context() as environment, Watched(built) as watched:
        watched.environment = environment
        watched.start = {program: watched.exposition(program) for program in PROGRAMS}
        watched.use_tasks()
        watched.knock(3)
        watched.good = watched.push("Hello from a page that works.")
        watched.use_tasks()
        watched.bad = watched.push("A page that greets nobody.")
        watched.use_tasks()
        yield watched


def samples(text):
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def queries_of_ours():
    """The queries of the dashboards that ask for nothing but what our programs export."""
    ours = {
        name
        for metrics in promql.catalogue().of_program.values()
        for metric in metrics
        for name in [metric, *(metric + suffix for suffix in promql.HISTOGRAM)]
    }
    return [
        pytest.param(title, expression, id=f"{name}, {title}, {target['refId']}")
        for name in DASHBOARDS
        for title, expression, target in queries(name)
        if promql.names(expression) <= ours
    ]


def test_the_deploys_went_as_they_should(watched):
    assert watched.good["status"] == "succeeded", watched.good
    assert watched.bad["status"] == "failed" and watched.bad["undo"]["status"] == "succeeded", watched.bad


@pytest.mark.parametrize("program", PROGRAMS)
def test_promtool_has_nothing_to_say_about_the_metrics(watched, program):
    checked = subprocess.run(
        [shutil.which("promtool"), "check", "metrics"],
        input=watched.exposition(program),
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.parametrize("program", PROGRAMS)
def test_each_program_exports_what_is_listed(watched, program):
    listed = promql.catalogue().of_program[program]
    text = watched.exposition(program)
    types = dict(line.split()[2:4] for line in text.splitlines() if line.startswith("# TYPE "))
    assert {name: metric.kind for name, metric in listed.items() if name in types} == {
        name: types[name] for name in listed if name in types
    }
    missing = {name for name in listed if name not in types}
    assert not missing, f"{program} does not export {missing}"
    unlisted = {name for name in types if name.startswith(("todo_", "fairlead_", "http_")) and name not in listed}
    assert not unlisted, f"metrics.yaml lacks {unlisted} of {program}"
    for sample in samples(text):
        if metric := promql.catalogue().series.get(sample.name):
            assert set(sample.labels) == set(metric.labels), sample.name


@pytest.mark.parametrize("program", [program for program in PROGRAMS if program != "fairlead"])
def test_each_program_describes_what_it_exports(watched, program):
    described = json.loads(
        subprocess.run([watched.built / program, "--describe"], capture_output=True, text=True, check=True).stdout
    )
    assert set(promql.catalogue().of_program[program]) <= set(described["metrics"])


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_value_that_is_listed_is_there_from_the_start(watched, program):
    """A rise from nothing is none that `increase` sees: the first failure would go unnoticed."""
    found = {}
    for sample in samples(watched.start[program]):
        for label, value in sample.labels.items():
            found.setdefault((sample.name, label), set()).add(value)
    for name, metric in promql.catalogue().of_program[program].items():
        if metric.kind != "counter":
            continue
        for label, values in metric.labels.items():
            assert values is None or found[name, label] == values, f"{label} of {name}"


@pytest.mark.parametrize("title,expression", queries_of_ours())
def test_the_dashboards_show_data(watched, title, expression):
    if title in EMPTY:
        pytest.skip(EMPTY[title])

    def numbers():
        return [value for _, value in watched.query(expression) if not math.isnan(value)]

    assert until(f"data for {title}", numbers)


def test_most_queries_of_application_and_fairlead_are_asked():
    assert len(queries_of_ours()) >= 45


def test_the_alerts_that_should_fire_do_and_no_other(watched):
    def states():
        states = {name: rule["state"] for name, rule in watched.rules().items()}
        return states if states["FairleadUndoHappened"] == states["FairleadWebhooksUnauthorized"] == "firing" else None

    states = until("alert of the undo and of who knocked", states)
    assert {name for name, state in states.items() if state != "inactive"} == {
        "FairleadUndoHappened",
        "FairleadWebhooksUnauthorized",
        # These wait for a minute, or for ten.
        "FairleadDeployFailing",
        "MetricsAbsent",
    }, states


def test_alerts_are_evaluated_without_an_error_and_their_sentences_are_whole(watched):
    for name, rule in watched.rules().items():
        assert rule["health"] == "ok" and "lastError" not in rule, name
        for alert in rule["alerts"]:
            # What Prometheus writes in place of what it cannot fill in.
            assert not re.search("<error|<no value", " ".join(alert["annotations"].values()))
            assert alert["annotations"]["runbook_url"] == f"{REPOSITORY}/docs/runbooks/{name}.md"
    absent = {alert["labels"]["source"] for alert in watched.rules()["MetricsAbsent"]["alerts"]}
    assert absent == {"kafka-exporter", "daprd", "kube-state-metrics", "cadvisor", "kubelet"}
    (undone,) = watched.rules()["FairleadUndoHappened"]["alerts"]
    assert undone["annotations"]["summary"] == "A deploy of sample was undone (succeeded)"
