extension Schema {
    /// Version 3: rollbacks, and what they hold back. A hold has its own table, because one rollback may follow another,
    /// and the hold of the first is in force again if the second fails.
    static let version3 = """
        -- The release that a rollback applies again.
        ALTER TABLE runs ADD COLUMN rollback_release INTEGER REFERENCES releases (id);

        CREATE TABLE holds (
            -- The rollback. Who asked for it, and when, is written there.
            run_id INTEGER PRIMARY KEY REFERENCES runs (id),
            environment TEXT NOT NULL,
            until TEXT NOT NULL
        ) STRICT;
        CREATE INDEX holds_environment ON holds (environment);

        -- Never written.
        ALTER TABLE environments DROP COLUMN held_by;
        ALTER TABLE environments DROP COLUMN held_at;
        ALTER TABLE environments DROP COLUMN hold_reason;
        """
}
