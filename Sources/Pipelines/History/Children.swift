internal import GRDB

extension History: ChildLedger {
    /// Records a child of this epoch before it may do anything.
    public func record(_ child: ChildRecord) async throws {
        let epoch = currentEpoch
        try await write { db, _ in
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO children (pid, start_time, boot_id, command, run_id, epoch)
                    VALUES (?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    child.pid, Int64(bitPattern: child.startTime), child.bootID, child.command, child.run, epoch,
                ]
            )
        }
    }

    /// The child is gone. Should the disk refuse, the record stays: the next server finds that no such process runs.
    public func forget(pid: Int32) async {
        try? await write { db, _ in
            try db.execute(sql: "DELETE FROM children WHERE pid = ?", arguments: [pid])
        }
    }

    /// Children that earlier servers recorded and never forgot: to be ended before their lanes are claimed again.
    public func staleChildren(epoch: Int64) async throws -> [ChildRecord] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: "SELECT * FROM children WHERE epoch < ? ORDER BY pid",
                arguments: [epoch]
            ).map { row in
                ChildRecord(
                    pid: row["pid"],
                    startTime: UInt64(bitPattern: row["start_time"] as Int64),
                    bootID: row["boot_id"],
                    command: row["command"],
                    run: row["run_id"]
                )
            }
        }
    }
}
