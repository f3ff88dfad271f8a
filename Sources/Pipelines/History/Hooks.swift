internal import GRDB

extension History {
    /// The last delivery of a webhook that needs no more looking at; nil if nobody has looked yet.
    func lastDelivery(ofHook name: String) async throws -> Int64? {
        try await read { db in
            try Int64.fetchOne(db, sql: "SELECT last_delivery FROM hooks WHERE name = ?", arguments: [name])
        }
    }

    func setLastDelivery(_ delivery: Int64, ofHook name: String) async throws {
        try await write { db, _ in
            try db.execute(
                sql: """
                    INSERT INTO hooks (name, last_delivery) VALUES (?, ?)
                    ON CONFLICT (name) DO UPDATE SET last_delivery = excluded.last_delivery
                    """,
                arguments: [name, delivery]
            )
        }
    }

    /// Those of these deliveries that have arrived, whatever GitHub says of them.
    func arrived(_ guids: Set<String>) async throws -> Set<String> {
        try await read { db in
            let find = try db.makeStatement(sql: "SELECT 1 FROM deliveries WHERE guid = ?")
            return try guids.filter { try Bool.fetchOne(find, arguments: [$0]) ?? false }
        }
    }
}
