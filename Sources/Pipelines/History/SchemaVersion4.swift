extension Schema {
    /// Version 4: which pushes were found not to end a hold, and how that is found out.
    static let version4 = """
        -- The newest run whose push was looked at and brings nothing new: none is looked at twice.
        ALTER TABLE holds ADD COLUMN examined INTEGER NOT NULL DEFAULT 0;
        -- Which revisions an environment has seen. Only runs that have ended: accepting a push does not pay for it.
        CREATE INDEX runs_ended_revision ON runs (revision) WHERE status NOT IN ('queued', 'running');
        """
}
