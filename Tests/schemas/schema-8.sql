-- A database of schema 8, with rows in every table, as a server of that time left it.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA application_id = 1179415140;
BEGIN TRANSACTION;
CREATE TABLE attempts (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    stage TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    status TEXT NOT NULL,
    reason_code TEXT,
    reason_message TEXT,
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    log_bytes INTEGER NOT NULL DEFAULT 0,
    -- JSON, immutable once the attempt has ended.
    output BLOB, overtaken INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (run_id, stage, attempt)
) STRICT;
INSERT INTO "attempts" VALUES(1,'clone',1,'succeeded',NULL,NULL,1782898200200,1782898201000,6,X'7B7D',0);
INSERT INTO "attempts" VALUES(4,'build',1,'running',NULL,NULL,1782898500200,NULL,0,NULL,0);
CREATE TABLE children (
    pid INTEGER PRIMARY KEY,
    start_time INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    command TEXT NOT NULL,
    run_id INTEGER,
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO "children" VALUES(4242,99,'boot','podman',4,7);
CREATE TABLE definitions (
    id INTEGER PRIMARY KEY,
    -- SHA-256 of the body.
    hash TEXT NOT NULL UNIQUE,
    pipeline TEXT NOT NULL,
    body TEXT NOT NULL
) STRICT;
INSERT INTO "definitions" VALUES(1,'hash-1','todo','{"deploy":{"before":"deploy/todo/migrate.yaml","manifests":["deploy/todo/k8s"],"namespace":"todo","onFailure":"undo","target":{"podman":{}},"timeout":300},"environment":"production","images":[{"args":{},"context":"backend","name":"backend"},{"args":{"MODE":"production","NODE_VERSION":"22.10"},"context":"frontend","dockerfile":"frontend/Dockerfile","name":"frontend","target":"runtime"}],"name":"todo","onPush":"latest","registry":{"embedded":{}},"secrets":{"DATABASE_URL":{"env":"TODO_DATABASE_URL"},"SESSION_KEY":{"file":"/etc/fairlead/secrets/todo-session-key"}},"smokeTest":[{"expect":{"headers":{"Content-Type":"application/json"},"json":{"checks.0.name":"database","status":"ok","version":null},"status":200,"within":0.5},"get":"service://backend:8000/health","headers":{"Accept":"application/json"},"name":"API answers","retryEvery":2,"retryFor":60},{"expect":{"body":"<title>Todo","headers":{},"json":{},"status":200},"get":"https://todo.example.com/","headers":{},"name":"page is there","retryEvery":2,"retryFor":60}],"source":{"branch":"main","github":"acme/todo","paths":["backend/**","frontend/**","deploy/todo/**"]}}');
CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    guid TEXT NOT NULL UNIQUE,
    event TEXT NOT NULL,
    repository TEXT NOT NULL,
    repository_id INTEGER,
    ref TEXT NOT NULL,
    before TEXT NOT NULL,
    after TEXT NOT NULL,
    message TEXT,
    author TEXT,
    received_at INTEGER NOT NULL,
    outcome TEXT NOT NULL CHECK (outcome IN ('accepted', 'ignored')),
    reason_code TEXT,
    reason_message TEXT
) STRICT;
INSERT INTO "deliveries" VALUES(1,'guid-1','push','acme/todo',4711,'refs/heads/main','0000000000000000000000000000000000000000','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1','Mend the gate','Mona',1782898200000,'accepted',NULL,NULL);
INSERT INTO "deliveries" VALUES(2,'guid-2','push','acme/todo',4711,'refs/heads/old','0000000000000000000000000000000000000000','b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2',NULL,NULL,1782898201000,'ignored','ref-not-deployed','No pipeline deploys it.');
CREATE TABLE environments (
    name TEXT PRIMARY KEY,
    target TEXT,
    live_release INTEGER REFERENCES releases (id),
    live_revision TEXT,
    live_run INTEGER,
    paused_by TEXT,
    paused_at INTEGER,
    pause_reason TEXT) STRICT;
INSERT INTO "environments" VALUES('production',NULL,1,'a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',1,'alice',1782898700000,'The fair is on.');
CREATE TABLE heads (
    pipeline TEXT NOT NULL,
    -- Full; `refs/tags/` alone for all tags that were there at the first look.
    ref TEXT NOT NULL,
    revision TEXT NOT NULL,
    -- The newest run of all when the head was seen: what was pushed later has a higher number.
    after_run INTEGER NOT NULL,
    reason_code TEXT NOT NULL,
    reason_message TEXT NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (pipeline, ref)
) STRICT, WITHOUT ROWID;
INSERT INTO "heads" VALUES('todo','refs/heads/main','a1',1,'first-sight','It was there at the first look.',1782898000000);
CREATE TABLE holds (
    -- The rollback. Who asked for it, and when, is written there.
    run_id INTEGER PRIMARY KEY REFERENCES runs (id),
    environment TEXT NOT NULL,
    until TEXT NOT NULL
, examined INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO "holds" VALUES(6,'staging','untilNextPush',5);
CREATE TABLE hooks (
    -- GitHub's webhook, by its name.
    name TEXT PRIMARY KEY,
    -- Everything up to this one has arrived, or was given up.
    last_delivery INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "hooks" VALUES('acme/todo',77);
CREATE TABLE images (
    id INTEGER PRIMARY KEY,
    pipeline TEXT NOT NULL,
    name TEXT NOT NULL,
    key TEXT NOT NULL,
    digest TEXT NOT NULL,
    reference TEXT NOT NULL,
    -- The newest run that built or used it.
    run_id INTEGER NOT NULL REFERENCES runs (id),
    created_at INTEGER NOT NULL,
    UNIQUE (pipeline, name, key, reference)
) STRICT;
INSERT INTO "images" VALUES(1,'todo','backend','key-1','sha256:aa','127.0.0.1:5000/todo/backend@sha256:aa',1,1782898210000);
CREATE TABLE journal (
    release_id INTEGER NOT NULL REFERENCES releases (id),
    seq INTEGER NOT NULL,
    -- Which object, for people.
    object TEXT NOT NULL,
    -- What it was and what it became, in the target's own form, sealed by the caller.
    entry BLOB NOT NULL,
    PRIMARY KEY (release_id, seq)
) STRICT;
INSERT INTO "journal" VALUES(1,1,'Deployment web',X'0708');
CREATE TABLE log_chunks (
    run_id INTEGER NOT NULL,
    stage TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    -- In bytes of the log as it reads, not as it is kept.
    offset INTEGER NOT NULL,
    length INTEGER NOT NULL,
    -- A zlib stream.
    data BLOB NOT NULL,
    PRIMARY KEY (run_id, stage, attempt, offset),
    FOREIGN KEY (run_id, stage, attempt) REFERENCES attempts (run_id, stage, attempt)
) STRICT;
INSERT INTO "log_chunks" VALUES(1,'clone',1,0,6,X'789CCB48CDC9C9E70200084B021F');
CREATE TABLE releases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    status TEXT NOT NULL CHECK (status IN ('applying', 'live', 'retired', 'undone')),
    -- Sealed by the caller before it comes here.
    body BLOB NOT NULL,
    images TEXT NOT NULL,
    -- The release that this one took the place of.
    replaced INTEGER,
    created_at INTEGER NOT NULL,
    live_at INTEGER,
    retired_at INTEGER
, discarded_at INTEGER) STRICT;
INSERT INTO "releases" VALUES(1,'production',1,'live',X'0102','[]',NULL,1782898220000,1782898230000,NULL,NULL);
INSERT INTO "releases" VALUES(2,'production',2,'undone',X'','[]',NULL,1782898320000,NULL,1782898350000,1782899000000);
CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- owner/name
    repository TEXT NOT NULL,
    revision TEXT NOT NULL,
    environment TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('status', 'deployment')),
    state TEXT NOT NULL,
    description TEXT NOT NULL,
    target_url TEXT,
    created_at INTEGER NOT NULL,
    next_try_at INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    -- The deployment's number at GitHub.
    external_id INTEGER,
    -- Told, given up, or overtaken by a later report of the same run and kind.
    done_at INTEGER,
    error TEXT
) STRICT;
INSERT INTO "reports" VALUES(1,1,'acme/todo','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1','production','deployment','success','Run 1 succeeded','https://deploy.example/runs/1',1782898260000,1782898260000,1,99,1782898261000,NULL);
INSERT INTO "reports" VALUES(2,4,'acme/todo','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1','production','status','pending','Run 4 is running',NULL,1782898500100,1782898500100,2,NULL,NULL,'503');
CREATE TABLE reruns (
    run_id INTEGER NOT NULL REFERENCES runs (id),
    -- 1, 2, 3… for each run.
    number INTEGER NOT NULL,
    -- Where it begins anew.
    stage TEXT NOT NULL,
    fresh INTEGER NOT NULL,
    requested_by TEXT,
    requested_at INTEGER NOT NULL,
    -- How the run had ended before, which its own columns say no longer.
    status TEXT NOT NULL,
    reason_code TEXT,
    reason_message TEXT,
    undo_status TEXT,
    undo_reason TEXT,
    finished_at INTEGER,
    PRIMARY KEY (run_id, number)
) STRICT, WITHOUT ROWID;
INSERT INTO "reruns" VALUES(2,1,'smoke-test',0,'alice',1782898370000,'errored','smoke-test-failed','API answers: status 500','succeeded','The previous release is back.',1782898365000);
CREATE TABLE runs (
    -- The run's number. Without AUTOINCREMENT, which would write one more page at every push: a number could
    -- only be given again if the newest run of all were deleted, and that one is never deleted.
    id INTEGER PRIMARY KEY,
    -- NULL: a manual run.
    delivery_id INTEGER REFERENCES deliveries (id),
    pipeline TEXT NOT NULL,
    environment TEXT NOT NULL,
    definition_id INTEGER NOT NULL REFERENCES definitions (id),
    trigger TEXT NOT NULL,
    requested_by TEXT,
    ref TEXT NOT NULL,
    -- As pushed or asked for; NULL for a manual run of a branch's head until that is known.
    revision TEXT,
    -- As read from the repository; until then the delivery's words hold.
    message TEXT,
    author TEXT,
    status TEXT NOT NULL,
    reason_code TEXT,
    reason_message TEXT,
    superseded_by INTEGER,
    undo_status TEXT,
    undo_reason TEXT,
    forced INTEGER NOT NULL DEFAULT 0,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    claimed_epoch INTEGER,
    queued_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER
, rollback_release INTEGER REFERENCES releases (id), reruns INTEGER NOT NULL DEFAULT 0, logs_deleted_at INTEGER, trace_context TEXT) STRICT;
INSERT INTO "runs" VALUES(1,1,'todo','production',1,'push',NULL,'refs/heads/main','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1','Mend the gate','Mona','succeeded',NULL,NULL,NULL,NULL,NULL,0,0,6,1782898200000,1782898200100,1782898260000,NULL,0,NULL,'00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
vendor=1');
INSERT INTO "runs" VALUES(2,NULL,'todo','production',1,'manual','alice','refs/heads/main','b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2b2','Paint it','Mona','failed','smoke-test-failed','API answers: status 500',NULL,'succeeded','The previous release is back.',1,0,6,1782898300000,1782898300100,1782898360000,NULL,1,1782899000000,NULL);
INSERT INTO "runs" VALUES(3,NULL,'todo','production',1,'reconcile',NULL,'refs/heads/main','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',NULL,NULL,'superseded','superseded','A newer push came before it began: run 4.',4,NULL,NULL,0,0,NULL,1782898400000,NULL,1782898400500,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(4,NULL,'todo','production',1,'manual','bob','refs/heads/main',NULL,NULL,NULL,'running',NULL,NULL,NULL,NULL,NULL,0,1,7,1782898500000,1782898500100,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(5,NULL,'todo','production',1,'manual','bob','refs/heads/main','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',NULL,NULL,'queued',NULL,NULL,NULL,NULL,NULL,0,0,NULL,1782898600000,NULL,NULL,NULL,0,NULL,NULL);
INSERT INTO "runs" VALUES(6,NULL,'todo','staging',1,'rollback','alice','refs/heads/main','a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1',NULL,NULL,'queued',NULL,NULL,NULL,NULL,NULL,0,0,NULL,1782898800000,NULL,NULL,1,0,NULL,NULL);
CREATE TABLE secret_bindings (
    source TEXT PRIMARY KEY,
    -- The repository's numeric id, from the first delivery that the secret signed for this source.
    repository_id INTEGER NOT NULL
) STRICT;
INSERT INTO "secret_bindings" VALUES('acme/todo',4711);
CREATE TABLE server (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    -- Counts the starts of the server: what a claim carries instead of a time.
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO "server" VALUES(1,7);
CREATE TABLE sessions (
    hash BLOB PRIMARY KEY,
    token_id INTEGER NOT NULL REFERENCES tokens (id),
    expires_at INTEGER NOT NULL
) STRICT;
INSERT INTO "sessions" VALUES(X'BB',1,1782941400000);
CREATE TABLE tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
INSERT INTO "tokens" VALUES(1,'ci','deployer',X'AA',1782898100000,NULL,NULL);
CREATE UNIQUE INDEX runs_delivery ON runs (delivery_id, pipeline) WHERE delivery_id IS NOT NULL;
CREATE INDEX runs_lane ON runs (environment) WHERE status IN ('queued', 'running');
CREATE UNIQUE INDEX runs_running ON runs (environment) WHERE status = 'running';
CREATE INDEX runs_ended_pipeline ON runs (pipeline) WHERE status NOT IN ('queued', 'running');
CREATE INDEX runs_ended_status ON runs (status) WHERE status NOT IN ('queued', 'running');
CREATE INDEX runs_ended_ref ON runs (ref) WHERE status NOT IN ('queued', 'running');
CREATE INDEX releases_run ON releases (run_id);
CREATE INDEX releases_environment ON releases (environment, status);
CREATE UNIQUE INDEX releases_live ON releases (environment) WHERE status = 'live';
CREATE INDEX sessions_token ON sessions (token_id);
CREATE INDEX reports_run ON reports (run_id, kind);
CREATE INDEX reports_due ON reports (next_try_at) WHERE done_at IS NULL;
CREATE INDEX holds_environment ON holds (environment);
CREATE INDEX runs_ended_revision ON runs (revision) WHERE status NOT IN ('queued', 'running');
CREATE INDEX runs_pinned ON runs (environment)
    WHERE status = 'queued' AND (trigger = 'manual' AND revision IS NOT NULL OR reruns > 0);
CREATE INDEX runs_ended_environment ON runs (environment) WHERE status NOT IN ('queued', 'running');
CREATE INDEX runs_unannounced ON runs (pipeline, ref, revision)
    WHERE trigger = 'reconcile' AND delivery_id IS NULL;
CREATE INDEX releases_whole ON releases (id) WHERE status IN ('retired', 'undone') AND discarded_at IS NULL;
CREATE INDEX images_run ON images (run_id);
CREATE INDEX runs_rollback ON runs (rollback_release) WHERE rollback_release IS NOT NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('releases',2);
INSERT INTO "sqlite_sequence" VALUES('tokens',1);
INSERT INTO "sqlite_sequence" VALUES('reports',2);
COMMIT;
PRAGMA user_version = 8;
