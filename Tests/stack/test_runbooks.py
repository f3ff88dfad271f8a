"""The runbooks: one for each alert, and every command and query in them is one that the programs take."""

import json
import pathlib
import re
import shlex
import subprocess

import jsonschema
import pytest
import yaml

import promql
from alerting import alerts_of, promtool, rule_files

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs/runbooks"
ALERTS = {rule["alert"]: rule for document in rule_files(ROOT).values() for rule in alerts_of(document)}
PAGES = {path.stem: path.read_text() for path in sorted(FOLDER.glob("*.md"))}
OPENAPI = json.loads((ROOT / "docs/api/openapi.json").read_text())
LINKS = re.compile(r"\]\(([^)#]+)\)")


def blocks(page, language):
    """The blocks of a page in one language, without the indentation of a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", PAGES[page], re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indentation) for line in text.splitlines()) for indentation, text in found]


def commands(page):
    """Every command of a page: each line of its shell blocks, and what is quoted in a sentence."""
    lines = [line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").splitlines()]
    return lines + re.findall(r"`((?:kubectl|curl) [^`]+)`", PAGES[page])


COMMANDS = sorted({command for page in PAGES for command in commands(page)})


def of(program):
    return [command for command in COMMANDS if command.startswith(program + " ")]


def test_each_alert_has_one_and_each_is_of_an_alert():
    assert set(PAGES) == set(ALERTS) | {"README"}


@pytest.mark.parametrize("alert", ALERTS)
def test_form(alert):
    lines = PAGES[alert].splitlines()
    assert lines[0] == f"# {alert}"
    lead = "\n".join(lines[1 : lines.index("")])
    assert lead.startswith(f"*{ALERTS[alert]['labels']['severity']}* · ") and lead.endswith(".")
    assert [line for line in lines if line.startswith("## ")] == ["## Look", "## Do", "## Silence"]
    assert len(lines) <= 50, "half a page"
    assert f" alertname={alert} " in PAGES[alert].split("## Silence")[1]


def test_the_index_names_each_under_its_severity():
    rows = [line.split("|") for line in PAGES["README"].splitlines() if line.startswith("| ")]
    named = {
        severity: set(re.findall(r"\[(\w+)\]", " ".join(row[column] for row in rows)))
        for column, severity in ((2, "critical"), (3, "warning"))
    }
    for severity, alerts in named.items():
        assert alerts == {alert for alert, rule in ALERTS.items() if rule["labels"]["severity"] == severity}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in LINKS.findall(PAGES[page]):
        assert link.startswith("https://") or (FOLDER / link).exists(), link


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "promql")])
def test_queries_are_read_by_prometheus_and_ask_for_what_exists(page, tmp_path):
    queries = blocks(page, "promql")
    rules = [{"record": f"query:{number}", "expr": query} for number, query in enumerate(queries)]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": page, "rules": rules}]}))
    promtool("check", "rules", tmp_path / "rules.yaml")
    for query in queries:
        assert promql.faults(query) == [], query


@pytest.mark.parametrize("page", PAGES)
def test_the_shell_reads_every_block(page):
    for block in blocks(page, "sh"):
        read = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert read.returncode == 0 and not read.stderr, read.stderr


def test_only_known_programs_are_called():
    assert {command.split()[0] for command in COMMANDS} == {"kubectl", "curl", "echo"}
    assert COMMANDS and {
        word for command in of("echo") for word in ("openssl s_client", "openssl x509") if word in command
    }


@pytest.mark.parametrize("command", of("kubectl"))
def test_kubectl_knows_the_command_and_its_flags(command):
    words = shlex.split(command)
    words = words[: next((number for number, word in enumerate(words) if word in ("--", "|")), None)]
    # It reads the flags before it shows its help, and refuses those that it does not know.
    ran = subprocess.run([*words, "--help"], capture_output=True, text=True)
    assert ran.returncode == 0 and "Usage:" in ran.stdout and words[1:] != [], ran.stderr
    verb = next(
        word
        for number, word in enumerate(words[1:], 1)
        if not word.startswith("-") and not words[number - 1].startswith("-")
    )
    assert f"kubectl {verb}" in ran.stdout


@pytest.mark.parametrize("command", of("curl"))
def test_curl_asks_for_what_is_there(command):
    words = shlex.split(command)
    (address,) = (word for word in words if word.startswith("http"))
    method = words[words.index("-X") + 1].lower() if "-X" in words else "get"
    host, _, rest = address.split("://")[1].partition("/")
    path, _, query = ("/" + rest).partition("?")
    if host == "localhost:9090":
        assert (method, path) == ("get", "/api/v1/targets") and query in ("state=active", "state=dropped")
    elif host in ("localhost:8000", "localhost:8001"):
        assert (host, method, path, query) in (
            ("localhost:8000", "get", "/readyz", ""),
            ("localhost:8001", "get", "/api/events", "dead=true"),
        )
    else:
        assert host == "deploy.example.com"
        assert words[words.index("-H") + 1] == "Authorization: Bearer $TOKEN"
        fairlead_takes(method, path, query, words[words.index("-d") + 1] if "-d" in words else None)


def fairlead_takes(method, path, query, body):
    """Checks a request against the description of Fairlead's API."""
    (pattern,) = (known for known in OPENAPI["paths"] if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", known), path))
    operation = OPENAPI["paths"][pattern][method]
    parameters = {parameter.get("name"): parameter for parameter in operation.get("parameters", [])}
    for name, _, value in (pair.partition("=") for pair in query.split("&") if pair):
        assert name in parameters
    if body is None:
        return
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert set(json.loads(body)) <= set(schema["properties"])
    jsonschema.validate(json.loads(body), schema | {"components": OPENAPI["components"]})


def test_what_is_run_inside_is_what_other_pages_have():
    inside = {
        " ".join(shlex.split(command)[shlex.split(command).index("--") + 1 :])
        for command in of("kubectl")
        if " -- " in command
    }
    fairlead = {words for words in inside if words.startswith("fairlead ")}
    install = (ROOT / "docs/install-doks.md").read_text()
    assert fairlead and all(words in install for words in fairlead)
    assert all(words.split()[0] in ("fairlead", "amtool", "df") for words in inside)
    for words in inside:
        if words.startswith("amtool"):
            # amtool has no dry run: this is what its help says, and the page's own alert is looked at in test_form.
            words = re.sub(r"alertname=\w+", "alertname=ANY", words)
            assert words == (
                "amtool silence add alertname=ANY --alertmanager.url=http://localhost:9093 --duration=2h"
                " --comment=why, and who"
            )
