"""Reads the alert rules of the stack and asks promtool about them."""

import copy
import pathlib
import shutil
import subprocess

import pytest
import yaml

REPOSITORY = "https://github.com/operator/copy/blob/trunk"


def rule_files(root):
    """The PrometheusRules of the repository, by the name of their file without its ending."""
    folder = root / "deploy/platform/monitoring/alerts"
    return {
        path.stem: yaml.safe_load(path.read_text())
        for path in sorted(folder.glob("*.yaml"))
        if path.name != "kustomization.yaml"
    }


def alerts_of(document):
    """The alert rules of one PrometheusRule."""
    return [rule for group in document["spec"]["groups"] for rule in group["rules"]]


def cases_of(path, alert=None):
    """The unit tests of one rule file, as promtool reads them, without the name of the rule file; those of one alert if
    it is named."""
    cases = yaml.safe_load(path.read_text())
    tests = [
        test
        for test in cases["tests"]
        if alert is None or any(case["alertname"] == alert for case in test["alert_rule_test"])
    ]
    return cases | {"tests": tests}


def promtool(*arguments, expect=0):
    """Runs promtool and returns what it said. Fails if it ends with another status than expected; None takes any."""
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    ended = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    said = ended.stdout + ended.stderr
    assert expect is None or ended.returncode == expect, said
    return ended.returncode, said


def write_rules(folder, document):
    """Writes the rules as Prometheus reads them (without Kubernetes' wrapping) and returns the file."""
    path = pathlib.Path(folder) / "rules.yaml"
    path.write_text(yaml.safe_dump(document["spec"]))
    return path


def unit_test(folder, document, cases):
    """Lets promtool run the cases against the rules. Returns its exit status and what it said.

    promtool compares annotations to the letter; sentences are not what is tested here, so they stay out. Each alert has to
    lead to its runbook in the repository of REPOSITORY.
    """
    document, cases = copy.deepcopy(document), copy.deepcopy(cases)
    for rule in alerts_of(document):
        rule["annotations"] = {"runbook_url": rule["annotations"]["runbook_url"]}
    for test in cases["tests"]:
        test["external_labels"] = {"repository": REPOSITORY}
        for case in test["alert_rule_test"]:
            for alert in case["exp_alerts"]:
                alert["exp_annotations"] = {"runbook_url": f"{REPOSITORY}/docs/runbooks/{case['alertname']}.md"}
    path = pathlib.Path(folder) / "cases.yaml"
    path.write_text(yaml.safe_dump(cases | {"rule_files": [str(write_rules(folder, document))]}))
    return promtool("test", "rules", path, expect=None)
