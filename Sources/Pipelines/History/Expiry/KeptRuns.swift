internal import GRDB

/// Runs that stay however old they are: those of releases that are served, are being applied, or can be rolled back to,
/// those that hold an environment, and those that can be run again.
struct KeptRuns: Sendable {
    /// How many releases back an environment can be rolled back.
    let depth: Int

    private static let environments = leap(over: "environment", in: "releases INDEXED BY releases_environment")

    /// Of one environment: what it serves or is being applied, what an undo would go back to, what failed and was kept in
    /// the target since, and what can be rolled back to.
    private static let ofEnvironment = """
        SELECT id FROM releases INDEXED BY releases_environment WHERE environment = ?1 AND status IN ('live', 'applying')
        UNION SELECT replaced FROM releases INDEXED BY releases_environment
            WHERE environment = ?1 AND status IN ('live', 'applying') AND replaced IS NOT NULL
        UNION SELECT id FROM releases INDEXED BY releases_environment
            WHERE environment = ?1 AND status = 'undone' AND retired_at IS NULL AND id > coalesce(
                (SELECT id FROM releases INDEXED BY releases_environment WHERE environment = ?1 AND status = 'live'), 0)
        UNION SELECT id FROM (SELECT id FROM releases INDEXED BY releases_environment
            WHERE environment = ?1 AND status = 'retired' ORDER BY id DESC LIMIT ?2)
        """

    /// Releases that stay whole.
    func releases(_ db: Database) throws -> Set<Int64> {
        try releases(of: try String.fetchSet(db.cachedStatement(sql: Self.environments)), db)
    }

    private func releases(of environments: Set<String>, _ db: Database) throws -> Set<Int64> {
        // What a rollback has applied again is the release of an earlier run: it stays as long as the rollback is known.
        var kept = try Int64.fetchSet(
            db.cachedStatement(
                sql: """
                    SELECT rollback_release FROM runs INDEXED BY runs_rollback WHERE rollback_release IS NOT NULL
                    """
            )
        )
        let environment = try db.cachedStatement(sql: Self.ofEnvironment)
        for name in environments { kept.formUnion(try Int64.fetchAll(environment, arguments: [name, depth])) }
        return kept
    }

    /// Those of these runs that may go.
    func without(_ runs: [Int64], _ db: Database) throws -> [Int64] {
        // Only those environments: with hundreds of them, all would take longer than the deletion.
        let environments = try String.fetchSet(
            db.cachedStatement(sql: "SELECT environment FROM runs WHERE id IN (SELECT value FROM json_each(?))"),
            arguments: [runs.jsonList]
        )
        let stay = try self.runs(of: environments, db)
        return runs.filter { !stay.contains($0) }
    }

    private func runs(of environments: Set<String>, _ db: Database) throws -> Set<Int64> {
        try Int64.fetchSet(
            db.cachedStatement(
                sql: """
                    SELECT run_id FROM releases WHERE id IN (SELECT value FROM json_each(?))
                    UNION SELECT run_id FROM holds
                    """
            ),
            arguments: [try releases(of: environments, db).jsonList]
        ).union(try environments.compactMap { try NewestRun.find($0, db) })
    }
}
