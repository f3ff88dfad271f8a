extension Schema {
    /// Version 7: what retention takes away leaves a mark, so that whoever asks for it is told the truth.
    static let version7 = """
        -- Its body was deleted: nobody can roll back to it any more.
        ALTER TABLE releases ADD COLUMN discarded_at INTEGER;
        -- Those of which that is not so. To find them in the table would be to read all their bodies.
        CREATE INDEX releases_whole ON releases (id) WHERE status IN ('retired', 'undone') AND discarded_at IS NULL;
        -- In the place of its logs there is a sentence that says so.
        ALTER TABLE runs ADD COLUMN logs_deleted_at INTEGER;
        -- Without these, the foreign keys would make the deletion of one run read whole tables.
        CREATE INDEX images_run ON images (run_id);
        CREATE INDEX runs_rollback ON runs (rollback_release) WHERE rollback_release IS NOT NULL;
        """
}
