extension Schema {
    /// Version 5: runs that are run again from one of their stages.
    static let version5 = """
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

        -- How often it was run again.
        ALTER TABLE runs ADD COLUMN reruns INTEGER NOT NULL DEFAULT 0;
        -- The run was run again from this stage, or from one before it, after this attempt: its output counts no more.
        ALTER TABLE attempts ADD COLUMN overtaken INTEGER NOT NULL DEFAULT 0;

        DROP INDEX runs_pinned;
        -- What somebody asked for, a revision or a re-run: such runs are neither superseded nor supersede.
        CREATE INDEX runs_pinned ON runs (environment)
            WHERE status = 'queued' AND (trigger = 'manual' AND revision IS NOT NULL OR reruns > 0);
        -- The newest run of an environment that has ended. Accepting a push does not pay for it.
        CREATE INDEX runs_ended_environment ON runs (environment) WHERE status NOT IN ('queued', 'running');
        """
}
