"""What the real program says of itself: a collector's own message types read its traces, and promtool its metrics."""

import base64
import http.server
import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "web"))

from push import deliver, git, payload  # noqa: E402
from stage import Stage  # noqa: E402

# As the sample's, without what makes its build long.
DOCKERFILE = """\
FROM scratch
COPY busybox /bin/busybox
COPY index.html /www/index.html
USER 65534
CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]
"""


class Collector:
    """A context: an HTTP server that takes traces, and keeps each request's headers and body."""

    def __init__(self):
        taken = self.taken = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                taken.append((self.path, self.headers["Content-Type"], body))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def message(body):
    """The request as the collector's own type. OTLP writes ids in hexadecimal where proto3's JSON has base64."""

    def ids(value):
        if isinstance(value, list):
            return [ids(item) for item in value]
        if isinstance(value, dict):
            return {
                key: base64.b64encode(bytes.fromhex(item)).decode()
                if key in ("traceId", "spanId", "parentSpanId")
                else ids(item)
                for key, item in value.items()
            }
        return value

    # Fields that the type does not have are an error.
    return json_format.ParseDict(ids(json.loads(body)), ExportTraceServiceRequest())


@pytest.fixture(scope="module")
def told(built):
    """A push that is deployed, with a collector to hear of it: the collector's requests, the run, and the metrics."""
    if not (built / "fairlead").exists():
        pytest.skip("not built: fairlead")
    with pytest.MonkeyPatch.context() as environment, Collector() as collector, Stage() as stage:
        environment.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        stage.program = str(built / "fairlead")
        stage.write("sample/Dockerfile", DOCKERFILE)
        git(stage.work, "commit", "-q", "-a", "-m", "A short build")
        git(stage.work, "push", "-q", "origin", "HEAD:refs/heads/main")
        address = stage.serve(public="everything")
        environment.setenv("FAIRLEAD_URL", address)
        environment.setenv("FAIRLEAD_WEBHOOK_SECRET", stage.secret)
        revision = git(stage.work, "rev-parse", "HEAD")
        number = deliver(payload(revision, "A short build", stage.url))["runs"][0]["id"]
        while (run := fetch(f"{address}/api/v1/runs/{number}"))["status"] in ("queued", "running"):
            threading.Event().wait(0.1)
        with urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:
            metrics = answer.read().decode()
        # At its end the program sends what waits.
        stage.server.terminate()
        stage.server.wait(30)
        yield collector.taken, run, metrics


def fetch(address):
    with urllib.request.urlopen(address, timeout=30) as answer:
        return json.load(answer)


def test_traces_are_what_a_collector_reads(told):
    taken, run, _ = told
    assert run["status"] == "succeeded", run
    assert {(path, kind) for path, kind, _ in taken} == {("/v1/traces", "application/json")}
    resources = [resource for _, _, body in taken for resource in message(body).resource_spans]
    names = {attribute.key: attribute.value.string_value for attribute in resources[0].resource.attributes}
    assert names["service.name"] == "fairlead"
    spans = [span for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert spans
    for span in spans:
        assert len(span.trace_id) == 16 and len(span.span_id) == 8, span
        assert len(span.parent_span_id) in (0, 8), span
        assert 0 < span.start_time_unix_nano <= span.end_time_unix_nano, span
        assert span.name and span.kind in Span.SpanKind.values(), span


def test_one_trace_has_every_step_of_the_run(told):
    taken, run, _ = told
    spans = [
        span
        for _, _, body in taken
        for resource in message(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
        if span.trace_id.hex() == run["traceId"]
    ]
    known = {span.span_id: span for span in spans}
    assert len(known) == len(spans), "no span is told twice"

    def road(span):
        return [*road(known[span.parent_span_id]), span.name] if span.parent_span_id in known else [span.name]

    roads = [" > ".join(road(span)) for span in spans]
    start = "POST /webhooks/github > run sample"
    for stage in ("clone", "build", "push", "deploy", "smoke-test"):
        assert f"{start} > stage {stage}" in roads, roads
    assert f"{start} > stage smoke-test > check says hello" in roads, roads
    assert all(road.startswith("POST /webhooks/github") for road in roads), roads


def test_promtool_has_nothing_to_say_about_the_metrics(told):
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is missing: apt-get install prometheus")
    _, _, metrics = told
    checked = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, text=True)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
