extension Schema {
    /// Version 1. The indexes on `deliveries` and `runs` are paid for at every accepted push: each has its reader.
    static let version1 = """
        CREATE TABLE server (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            -- Counts the starts of the server: what a claim carries instead of a time.
            epoch INTEGER NOT NULL
        ) STRICT;
        INSERT INTO server (id, epoch) VALUES (1, 0);

        CREATE TABLE definitions (
            id INTEGER PRIMARY KEY,
            -- SHA-256 of the body.
            hash TEXT NOT NULL UNIQUE,
            pipeline TEXT NOT NULL,
            body TEXT NOT NULL
        ) STRICT;

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
        ) STRICT;
        -- One run per delivery and pipeline.
        CREATE UNIQUE INDEX runs_delivery ON runs (delivery_id, pipeline) WHERE delivery_id IS NOT NULL;
        -- The queue: the lanes' claims. (An index ends with the rowid, so each of these also gives the order.)
        CREATE INDEX runs_lane ON runs (environment) WHERE status IN ('queued', 'running');
        -- One run at a time per environment, whoever claims.
        CREATE UNIQUE INDEX runs_running ON runs (environment) WHERE status = 'running';
        -- Runs of one revision that somebody asked for: they are neither superseded nor supersede.
        CREATE INDEX runs_pinned ON runs (environment)
            WHERE status = 'queued' AND trigger = 'manual' AND revision IS NOT NULL;
        -- Pages of the list. Only runs that have ended: accepting a push pays for none of these.
        CREATE INDEX runs_ended_pipeline ON runs (pipeline) WHERE status NOT IN ('queued', 'running');
        CREATE INDEX runs_ended_status ON runs (status) WHERE status NOT IN ('queued', 'running');
        CREATE INDEX runs_ended_ref ON runs (ref) WHERE status NOT IN ('queued', 'running');

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
            output BLOB,
            PRIMARY KEY (run_id, stage, attempt)
        ) STRICT;

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
        ) STRICT;
        CREATE INDEX releases_run ON releases (run_id);
        CREATE INDEX releases_environment ON releases (environment, status);
        CREATE UNIQUE INDEX releases_live ON releases (environment) WHERE status = 'live';

        CREATE TABLE environments (
            name TEXT PRIMARY KEY,
            target TEXT,
            live_release INTEGER REFERENCES releases (id),
            live_revision TEXT,
            live_run INTEGER,
            paused_by TEXT,
            paused_at INTEGER,
            pause_reason TEXT,
            -- After a rollback: newer pushes wait.
            held_by TEXT,
            held_at INTEGER,
            hold_reason TEXT
        ) STRICT;

        CREATE TABLE children (
            pid INTEGER PRIMARY KEY,
            start_time INTEGER NOT NULL,
            boot_id TEXT NOT NULL,
            command TEXT NOT NULL,
            run_id INTEGER,
            epoch INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE tokens (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL,
            role TEXT NOT NULL,
            hash BLOB NOT NULL UNIQUE,
            created_at INTEGER NOT NULL,
            expires_at INTEGER,
            revoked_at INTEGER
        ) STRICT;

        CREATE TABLE sessions (
            hash BLOB PRIMARY KEY,
            token_id INTEGER NOT NULL REFERENCES tokens (id),
            expires_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX sessions_token ON sessions (token_id);

        CREATE TABLE secret_bindings (
            source TEXT PRIMARY KEY,
            -- The repository's numeric id, from the first delivery that the secret signed for this source.
            repository_id INTEGER NOT NULL
        ) STRICT;
        """
}
