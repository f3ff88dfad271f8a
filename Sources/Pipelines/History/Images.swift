internal import GRDB

/// An image that was built and pushed before.
public struct ImageRecord: Sendable, Equatable {
    /// `sha256:…`
    public var digest: String
    /// `host:port/repository@sha256:…`
    public var reference: String
    /// The newest run that built or used it.
    public var run: Int64
}

extension History {
    /// The newest image of this name with this key: digest over everything that goes into it. Nil if there is none.
    /// The registry must still be asked whether it has it.
    public func image(pipeline: String, name: String, key: String) async throws -> ImageRecord? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT digest, reference, run_id FROM images WHERE pipeline = ? AND name = ? AND key = ?
                    ORDER BY run_id DESC, id DESC LIMIT 1
                    """,
                arguments: [pipeline, name, key]
            ).map { ImageRecord(digest: $0["digest"], reference: $0["reference"], run: $0["run_id"]) }
        }
    }

    /// What was pushed last of each of a pipeline's images, by name.
    public func newestImages(pipeline: String) async throws -> [String: ImageRecord] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: "SELECT name, digest, reference, run_id FROM images WHERE pipeline = ? ORDER BY run_id, id",
                arguments: [pipeline]
            )
            let images = rows.map {
                ($0["name"] as String, ImageRecord(digest: $0["digest"], reference: $0["reference"], run: $0["run_id"]))
            }
            return Dictionary(images) { _, newer in newer }
        }
    }

    /// Notes that a run built, or used again, an image that is in the registry.
    public func recordImage(
        pipeline: String,
        name: String,
        key: String,
        digest: String,
        reference: String,
        run: Int64
    ) async throws {
        try await write { [now] db, _ in
            try db.execute(
                sql: """
                    INSERT INTO images (pipeline, name, key, digest, reference, run_id, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (pipeline, name, key, reference)
                    DO UPDATE SET digest = excluded.digest, run_id = max(run_id, excluded.run_id)
                    """,
                arguments: [pipeline, name, key, digest, reference, run, now()]
            )
        }
    }
}
