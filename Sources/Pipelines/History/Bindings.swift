internal import GRDB

extension History {
    /// Binds a source to a repository's numeric id on first use: a name may change hands, the id does not. Blocks.
    /// - Returns: the id that the source is bound to.
    public func bindRepository(source: String, repositoryID: Int64) throws -> Int64 {
        try blockingWrite { db, _ in
            try db.execute(
                sql:
                    "INSERT INTO secret_bindings (source, repository_id) VALUES (?, ?) ON CONFLICT (source) DO NOTHING",
                arguments: [source, repositoryID]
            )
            return try Int64.fetchOne(
                db,
                sql: "SELECT repository_id FROM secret_bindings WHERE source = ?",
                arguments: [source]
            ) ?? repositoryID
        }
    }

    /// Every binding, source → the repository's id.
    public func repositoryBindings() async throws -> [String: Int64] {
        try await read { db in
            let rows = try Row.fetchAll(db, sql: "SELECT source, repository_id FROM secret_bindings")
            return Dictionary(uniqueKeysWithValues: rows.map { ($0["source"], $0["repository_id"]) })
        }
    }
}
