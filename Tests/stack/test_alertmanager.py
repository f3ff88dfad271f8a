"""Whom Alertmanager tells: nobody, and that is said; or whom the operator names, by a real Alertmanager."""
import base64
import http.server
import json
import queue
import re
import shutil
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
import yaml

from ending import ends_with_us
from world import ROOT, free_port, succeed

FILE = ROOT / "deploy/platform/monitoring/alertmanager.yaml"
RECEIVERS = ["webhook", "slack", "pagerduty"]


def with_receiver(name):
    """The file as its comment says: the receiver's lines written in, and its name given to the first route."""
    text = re.sub(r"^#(  - name: (?!%s)\S+\n(#    .*\n)+)" % name, "", FILE.read_text(), flags=re.MULTILINE)
    text = re.sub(r"^#(  .*)$", r"\1", text, flags=re.MULTILINE)
    return text.replace("  receiver: nobody\n", f"  receiver: {name}\n", 1)


def program(name):
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is missing: apt-get install prometheus-alertmanager")
    return found


def receiver_of(file, **labels):
    """Where an alert goes."""
    told = subprocess.run([program("amtool"), "config", "routes", "test", f"--config.file={file}",
                           *(f"{name}={value}" for name, value in labels.items())], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
    return told.stdout.strip()


@pytest.mark.parametrize("name", ["nobody", *RECEIVERS])
def test_each_receiver_is_one_that_alertmanager_takes(name, tmp_path):
    file = tmp_path / "alertmanager.yaml"
    file.write_text(with_receiver(name))
    names = [one["name"] for one in yaml.safe_load(file.read_text())["receivers"]]
    assert names == list(dict.fromkeys(["nobody", name]))
    checked = subprocess.run([program("amtool"), "check-config", file], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    for severity in ("critical", "warning"):
        assert receiver_of(file, alertname="HighErrorRate", severity=severity) == name
    for alert in ("Watchdog", "InfoInhibitor"):
        assert receiver_of(file, alertname=alert, severity="none") == "nobody"


def test_every_receiver_of_the_file_is_looked_at_here():
    assert re.findall(r"^#  - name: (\S+)$", FILE.read_text(), re.MULTILINE) == RECEIVERS


class Hook(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def alertmanager(tmp_path):
    """A real one with the webhook of the file, and what arrives there."""
    hook = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    hook.got = queue.Queue()
    threading.Thread(target=hook.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{hook.server_port}/hook"
    text = with_receiver("webhook").replace("https://alerts.example.com/hook", here)
    (tmp_path / "alertmanager.yaml").write_text(text.replace("group_wait: 30s", "group_wait: 2s"))
    address = f"127.0.0.1:{free_port()}"
    with open(tmp_path / "log", "w") as log:
        process = ends_with_us(subprocess.Popen(
            [program("prometheus-alertmanager"), f"--config.file={tmp_path}/alertmanager.yaml",
             f"--storage.path={tmp_path}/data", f"--web.listen-address={address}", "--cluster.listen-address="],
            stdout=log, stderr=log))
    try:
        yield f"http://{address}", hook.got
    finally:
        process.terminate()
        process.wait()
        hook.shutdown()
        hook.server_close()


def post_alerts(address, *alerts):
    body = json.dumps([{"labels": one} for one in alerts]).encode()
    request = urllib.request.Request(f"{address}/api/v2/alerts", body, {"Content-Type": "application/json"})
    for _ in range(200):
        try:
            return urllib.request.urlopen(request, timeout=10).close()
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("Alertmanager did not come up")


def test_an_alert_arrives_and_the_lesser_of_the_same_name_does_not(alertmanager):
    address, got = alertmanager
    post_alerts(address, {"alertname": "Watchdog", "severity": "none"},
                {"alertname": "HighErrorRate", "namespace": "todo", "severity": "critical"},
                {"alertname": "HighErrorRate", "namespace": "todo", "severity": "warning"})
    told = got.get(timeout=60)
    assert told["receiver"] == "webhook" and told["status"] == "firing"
    # A later one, of a group of its own: what came between would be before it.
    post_alerts(address, {"alertname": "OutboxOld", "namespace": "todo", "severity": "critical"})
    arrived = told["alerts"] + got.get(timeout=60)["alerts"]
    assert [(one["labels"]["alertname"], one["labels"]["severity"]) for one in arrived] == \
        [("HighErrorRate", "critical"), ("OutboxOld", "critical")]


def kept(world):
    """The configuration in the cluster."""
    data = world.cluster.get("/api/v1/namespaces/monitoring/secrets/alertmanager-config")["data"]
    return base64.b64decode(data["alertmanager.yaml"]).decode()


@pytest.mark.long
def test_who_is_told_is_taken_from_a_file_kept_and_said(world):
    given = with_receiver("slack").replace("XXXX", "3f9c51d0")
    (world.folder / "alertmanager.yaml").write_text(given)
    said = succeed(world, "check")
    assert "nobody will be told" in said
    succeed(world, "up", "--yes")
    assert kept(world) == FILE.read_text() and "NOBODY IS TOLD" in succeed(world, "status")
    world.environment["ALERTMANAGER_CONFIG_FILE"] = str(world.folder / "alertmanager.yaml")
    said = succeed(world, "up", "--yes")
    assert kept(world) == given and "NOBODY" not in said and "3f9c51d0" not in said
    del world.environment["ALERTMANAGER_CONFIG_FILE"]
    succeed(world, "up", "--yes")
    assert kept(world) == given, "what is there is kept"
    assert "NOBODY" not in succeed(world, "status") and b"3f9c51d0" not in world.calls.read_bytes()


@pytest.mark.parametrize("text, told", [
    (FILE.read_text(), "tells nobody"),
    ("route:\n  receiver: me\nreceivers: [{name: me}]\n", "tells nobody"),
    (with_receiver("webhook").replace("receiver: webhook", "receiver: webhok"), "undefined receiver"),
    (with_receiver("webhook").replace("https://alerts.example.com/hook", "alerts.example.com"), "unsupported scheme"),
], ids=["as it is", "no address", "misspelt", "no URL"])
def test_check_finds_a_configuration_that_tells_nobody(world, text, told):
    program("amtool")
    world.environment["ALERTMANAGER_CONFIG"] = text
    status, said = world.run("check")
    assert status == 1 and told in said
