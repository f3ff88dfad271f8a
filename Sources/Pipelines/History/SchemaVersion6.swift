extension Schema {
    /// Version 6: heads that were seen and are not deployed, runs whose delivery may still come, and how far GitHub's
    /// deliveries were read.
    static let version6 = """
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
        CREATE TABLE hooks (
            -- GitHub's webhook, by its name.
            name TEXT PRIMARY KEY,
            -- Everything up to this one has arrived, or was given up.
            last_delivery INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        -- Runs that no delivery announced: one that comes later belongs to them. Hardly ever more than a few, so that a
        -- push pays for one look into an index that is all but empty.
        CREATE INDEX runs_unannounced ON runs (pipeline, ref, revision)
            WHERE trigger = 'reconcile' AND delivery_id IS NULL;
        """
}
