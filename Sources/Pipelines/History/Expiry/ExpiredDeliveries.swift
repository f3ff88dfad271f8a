internal import GRDB

extension Expiry {
    /// Deliveries that are looked at together.
    private static let deliveriesPiece = 1000

    /// Deletes deliveries of which no run is left. The newest stay in any case: by them a repeated delivery is known, and a
    /// head that asked to be skipped.
    func deleteDeliveries() async throws -> Int {
        let newest = try await history.read { try Int64.fetchOne($0, sql: "SELECT max(id) FROM deliveries") ?? 0 }
        let (limit, cutoff) = (newest - Int64(rules.deliveries.count), cutoff(rules.deliveries.days))
        var (seen, pace, count) = (Int64(0), Pace(), 0)
        while true {
            let rows = try await history.read { [seen] db in
                try Row.fetchAll(
                    db,
                    sql: """
                        SELECT id, id <= ?1 OR received_at < ?2 AS is_old,
                            EXISTS (SELECT 1 FROM runs WHERE delivery_id = d.id) AS is_used
                        FROM deliveries d WHERE id > ?3 AND id <= ?4 - 1000 ORDER BY id LIMIT ?5
                        """,
                    arguments: [limit, cutoff, seen, newest, Self.deliveriesPiece]
                ).map { (id: $0["id"] as Int64, isOld: $0["is_old"] as Bool, isUsed: $0["is_used"] as Bool) }
            }
            guard let last = rows.last, rows.contains(where: \.isOld) else { return count }
            seen = last.id
            let ids = rows.filter { $0.isOld && !$0.isUsed }.map(\.id)
            count += try await inPieces(ids, &pace) { ids, db, _ in
                try db.execute(
                    sql: "DELETE FROM deliveries WHERE id IN (SELECT value FROM json_each(?))",
                    arguments: [ids.jsonList]
                )
                return db.changesCount
            }
        }
    }
}
