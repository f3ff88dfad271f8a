extension Schema {
    /// Version 2: what a release did to each object, and what GitHub is still to be told.
    static let version2 = """
        CREATE TABLE journal (
            release_id INTEGER NOT NULL REFERENCES releases (id),
            seq INTEGER NOT NULL,
            -- Which object, for people.
            object TEXT NOT NULL,
            -- What it was and what it became, in the target's own form, sealed by the caller.
            entry BLOB NOT NULL,
            PRIMARY KEY (release_id, seq)
        ) STRICT;

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
        CREATE INDEX reports_run ON reports (run_id, kind);
        CREATE INDEX reports_due ON reports (next_try_at) WHERE done_at IS NULL;
        """
}
