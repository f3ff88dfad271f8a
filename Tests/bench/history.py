"""A history of a million runs beside one of a thousand, and what 20,000 deliveries leave in memory."""

import http.client
import os
import sqlite3
import time

from accept import announced, load, ours, server_files
from support import FAIRLEAD, ROUNDS, folder, line, median, resident_mb, sh, wait_for

FEW, MANY = 1_000, 1_000_000
REQUESTS = 200

NUMBERS = "WITH RECURSIVE numbers (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM numbers WHERE i < ?2)"
# Of ten runs six gave way to a newer one, three were deployed and one failed.
FILL = [
    NUMBERS + """ INSERT INTO deliveries (id, guid, event, repository, repository_id, ref, before, after, message, author,
        received_at, outcome)
    SELECT i, 'guid-' || i, 'push', 'acme/web', 1, 'refs/heads/main', printf('%040d', 0), printf('%040x', i),
        'Change number ' || i, 'Mona', ?3 + i * 1000, 'accepted' FROM numbers""",
    NUMBERS + """ INSERT INTO runs (id, delivery_id, pipeline, environment, definition_id, trigger, ref, revision, status,
        reason_code, superseded_by, queued_at, started_at, finished_at)
    SELECT i, i, 'web', 'web', (SELECT min(id) FROM definitions), 'push', 'refs/heads/main', printf('%040x', i),
        CASE WHEN i % 10 < 6 THEN 'superseded' WHEN i % 10 < 9 THEN 'succeeded' ELSE 'failed' END,
        CASE WHEN i % 10 < 6 THEN 'superseded' WHEN i % 10 = 9 THEN 'build-failed' END,
        CASE WHEN i % 10 < 6 THEN i - i % 10 + 6 END, ?3 + i * 1000, ?3 + i * 1000, ?3 + i * 1000 + 900 FROM numbers""",
    NUMBERS + """ INSERT INTO attempts (run_id, stage, attempt, status, started_at, finished_at, output)
    SELECT i, stage, 1, 'succeeded', ?3 + i * 1000, ?3 + i * 1000 + 900, x'7b7d' FROM numbers,
        (SELECT 'clone' AS stage UNION SELECT 'build' UNION SELECT 'push' UNION SELECT 'deploy' UNION SELECT 'smoke-test')
    WHERE i % 10 >= 6""",
]


def claim(base):
    """The median of a claim of the next run, in milliseconds."""
    return float(sh(FAIRLEAD, "bench", "claim", "--config", f"{base}/fairlead.yaml", env=environment()))


def environment():
    return dict(os.environ, BENCH_SECRET="unused")


def files(base):
    """All of the history stays, however long this takes."""
    server_files(base)
    everything = "{ count: 10000000, days: 1000d }"
    with open(f"{base}/fairlead.yaml", "a") as file:
        file.write(f"retention: {{ runs: {everything}, logs: {everything}, deliveries: {everything} }}\n")


def fill(base, count):
    """A history of so many runs that are over. The first claims make the database and its definition."""
    files(base)
    claim(base)
    database = sqlite3.connect(f"{base}/data/fairlead.db", isolation_level=None)
    first = database.execute("SELECT max(id) + 1 FROM runs").fetchone()[0]
    for statement in FILL:
        database.execute(statement, (first, first + count - 1, int(time.time() * 1000) - MANY * 1000))
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    os.sync()
    return first


def pages(port, paths):
    """The median over all paths, asked in turn, in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    samples = []
    for number in range(REQUESTS):
        start = time.perf_counter()
        connection.request("GET", paths[number % len(paths)])
        answer = connection.getresponse()
        body = answer.read()
        samples.append((time.perf_counter() - start) * 1000)
        if answer.status != 200:
            raise SystemExit(f"bench: {paths[number % len(paths)]} got {answer.status}: {body[:200]}")
    connection.close()
    return median(samples)


def measured(base, first, count):
    starts, lists, runs = [], [], []
    address = f"{base}/data/address"
    middle = first + count // 2
    for number in range(ROUNDS):
        if os.path.exists(address):
            os.remove(address)
        began = time.monotonic()
        with ours(base, "serve", files=files):
            while not (os.path.exists(address) and os.path.getsize(address)):
                time.sleep(0.001)
            starts.append((time.monotonic() - began) * 1000)
            port = announced(base)
            lists.append(pages(port, [
                "/api/v1/runs?limit=50", "/api/v1/runs?limit=50&pipeline=web", "/api/v1/runs?limit=50&status=failed",
                "/api/v1/runs?limit=50&ref=refs/heads/main", f"/api/v1/runs?limit=50&before={middle}"]))
            runs.append(pages(port, [f"/api/v1/runs/{first + (number * 7919 * k) % count}" for k in range(REQUESTS)]))
    return median(starts), median(lists), median(runs), median([claim(base) for _ in range(ROUNDS)])


def million():
    with folder() as few, folder() as many:
        figures = [measured(base, fill(base, count), count) for base, count in ((many, MANY), (few, FEW))]
        for name, ours_, theirs, unit in zip(
                ("start_1m_ms", "history_1m_list", "history_1m_run", "history_1m_claim"), *figures, ("ms",) * 4):
            line(name, ours_, theirs, unit)


def settled(pid):
    """Resident memory, once it no longer changes."""
    last = []

    def same():
        last.append(resident_mb(pid))
        return len(last) > 40 and max(last[-40:]) - min(last[-40:]) < 0.1

    wait_for("the memory to settle", same, 120)
    return last[-1]


def soak():
    """wrk counts seconds, not requests: rounds of one until there were enough."""
    with folder() as base, ours(base, "serve") as process:
        port = announced(base)
        load(base, port, "/webhooks/github", "warm", seconds=1)
        before = settled(process.pid)
        done = 0
        while done < 20_000:
            # A delivery's id has no fraction in it.
            done += int(load(base, port, "/webhooks/github", f"soak{done}", seconds=1)[0])
        line("soak", settled(process.pid), before, "MB")


def run():
    million()
    soak()
