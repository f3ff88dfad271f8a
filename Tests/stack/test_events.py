"""The events of the todo application: their schemas, and what the real backend publishes."""
import contextlib
import http.server
import io
import json
import os
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

import avro.compatibility
import avro.schema
import fastavro
import jsonschema
import pytest

KINDS = ["created", "updated", "completed", "deleted"]


def schemas(root, kind):
    """Every committed version of a schema: the present one first."""
    folder = root / "deploy/todo/schemas"
    files = [folder / f"{kind}.avsc", *sorted(folder.glob(f"v*/{kind}.avsc"))]
    return {str(file.relative_to(folder)): json.loads(file.read_text()) for file in files}


@pytest.mark.parametrize("kind", KINDS)
def test_every_version_reads_every_other(root, kind):
    versions = schemas(root, kind)
    assert len(versions) >= 2, f"{kind} has no earlier version to compare with"
    for reader_name, reader in versions.items():
        for writer_name, writer in versions.items():
            result = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(
                avro.schema.parse(json.dumps(reader)), avro.schema.parse(json.dumps(writer)))
            assert result.compatibility == avro.compatibility.SchemaCompatibilityType.compatible, \
                f"{reader_name} cannot read what {writer_name} writes: {result.messages}"


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_every_version_are_read_by_every_other(root, kind):
    versions = schemas(root, kind)
    event = {"id": "01a2319a-4862-7c72-87f0-d66597ba95d3", "version": 3, "title": "Buy milk", "notes": "two litres",
             "completed": True, "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:01.000Z",
             "completedAt": "2026-01-01T00:00:01.000Z"}
    for writer in versions.values():
        written = io.BytesIO()
        fastavro.schemaless_writer(written, writer, {field["name"]: event[field["name"]] for field in writer["fields"]})
        known = {field["name"] for field in writer["fields"]}
        for reader in versions.values():
            read = fastavro.schemaless_reader(io.BytesIO(written.getvalue()), writer, reader)
            for field in reader["fields"]:
                expected = event[field["name"]] if field["name"] in known else field["default"]
                assert read[field["name"]] == expected


def test_an_incompatible_schema_is_noticed(root):
    """What the tests above would say of a field without a default: that they can fail."""
    old = schemas(root, "created")["created.avsc"]
    new = old | {"fields": [*old["fields"], {"name": "owner", "type": "string"}]}
    result = avro.compatibility.ReaderWriterCompatibilityChecker().get_compatibility(
        avro.schema.parse(json.dumps(new)), avro.schema.parse(json.dumps(old)))
    assert result.compatibility == avro.compatibility.SchemaCompatibilityType.incompatible


@contextlib.contextmanager
def receiver():
    """An event service that takes everything: its address, and what it was sent, with path and headers."""
    taken = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append((self.path, self.headers, json.loads(body)))
            answer = b'{"status":"SUCCESS"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", taken
    finally:
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def backend(program, folder, events):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {"PATH": os.environ["PATH"], "LISTEN": f"127.0.0.1:{port}", "DATA": str(folder),
                   "EVENT_SERVICE_URL": events}
    process = subprocess.Popen([program], env=environment, stderr=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: ask("GET", f"{address}/readyz")[0] == 200)
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        finally:
            process.kill()


def ask(method, url, body=None, headers=None):
    request = urllib.request.Request(url, method=method, data=body and json.dumps(body).encode(),
                                     headers={"Content-Type": "application/json", **(headers or {})})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except urllib.error.URLError:
        return 0, b""


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds} s"
        time.sleep(0.02)


@pytest.fixture(scope="module")
def published(built, tmp_path_factory):
    """One event of each kind and some more, as a real backend has published them: path, headers and event."""
    program = built / "todo-backend"
    if not program.exists():
        pytest.skip(f"{program} is not built")
    with receiver() as (events, taken), backend(program, tmp_path_factory.mktemp("data"), events) as address:
        for title in ["Buy milk", "Ein langer Titel mit ä, „Zeichen“ und 🧀", "x" * 200]:
            status, body = ask("POST", f"{address}/api/tasks", {"title": title, "notes": "a\nb"})
            assert status == 201
            task = f"{address}/api/tasks/{json.loads(body)['id']}"
            assert ask("PATCH", task, {"notes": "other"}, {"If-Match": "*"})[0] == 200
            assert ask("POST", f"{task}/complete")[0] == 200
            assert ask("PATCH", task, {"completed": False}, {"If-Match": "*"})[0] == 200
            assert ask("DELETE", task)[0] == 204
        wait_for(lambda: len({event["id"] for _, _, event in taken}) == 15)
    return taken


def test_what_is_published_is_a_cloudevent(published, contracts):
    schema = json.loads((contracts / "cloudevents/cloudevents.json").read_text())
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    for path, headers, event in published:
        validator.validate(event)
        assert headers["Content-Type"] == "application/cloudevents+json"
        # The event service goes on with the trace, in which this request is a span of its own.
        told, caused = headers["traceparent"].split("-"), event["traceparent"].split("-")
        assert told[1] == caused[1] and told[2] != caused[2]
        assert path == "/events/" + event["type"].removeprefix("todo.tasks.")
        assert event["source"] == "/todo/backend" and event["subject"] == event["data"]["id"]
        assert event["datacontenttype"] == "application/json"


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_published_has_the_form_of_its_schema(root, published, kind):
    events = [event for _, _, event in published if event["type"] == f"todo.tasks.{kind}"]
    assert events
    for name, schema in schemas(root, kind).items():
        fields = {field["name"] for field in schema["fields"]}
        for event in events:
            # A reader of an earlier version does not see what was added since; absent means the default.
            seen = {key: value for key, value in event["data"].items() if key in fields}
            fastavro.validate({field["name"]: field.get("default") for field in schema["fields"] if "default" in field}
                              | seen, schema, strict=True)
    present = {field["name"] for field in schemas(root, kind)[f"{kind}.avsc"]["fields"]}
    assert all(set(event["data"]) <= present for event in events), "the schema does not tell of every field"
