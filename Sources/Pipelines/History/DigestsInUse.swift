internal import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension History {
    /// The digests of every image that an environment serves, is about to serve, or may be rolled back to: those of its
    /// releases, those of a release that a rollback applies again, and those that runs have built or found to reuse
    /// which are under way, or may be run again from there.
    ///
    /// - Parameter depth: how many of each environment's newest releases count as those.
    public func digestsInUse(depth: Int) async throws -> Set<String> {
        try await read { db in
            let lists = try String.fetchAll(
                db,
                sql: """
                    SELECT images FROM releases WHERE status IN ('live', 'applying')
                    UNION ALL
                    SELECT images FROM (
                        SELECT images, row_number() OVER (PARTITION BY environment ORDER BY id DESC) AS place
                        FROM releases WHERE status = 'retired')
                    WHERE place <= ?1
                    UNION ALL
                    SELECT images FROM releases WHERE id IN (
                        SELECT rollback_release FROM runs INDEXED BY runs_lane WHERE status IN ('queued', 'running')
                        UNION SELECT rollback_release FROM runs WHERE id IN (SELECT value FROM json_each(?2)))
                    """,
                arguments: [depth, try NewestRun.all(db).jsonList]
            )
            let images = try lists.flatMap { try JSONDecoder().decode([PushedImage].self, from: Data($0.utf8)) }
            let references = try Self.imagesOfRuns(db).compactMap(\.reference)
            return Set(references.compactMap { $0.split(separator: "@").last.map(String.init) } + images.map(\.digest))
        }
    }

    /// The builder's ids of images, `sha256:…`, that a run has yet to push, or may push again.
    func builtImagesInUse() async throws -> Set<String> {
        try await read { db in Set(try Self.imagesOfRuns(db).compactMap(\.id)) }
    }

    /// Of runs that have not ended, and of each environment's newest that has, which can be run again from any stage.
    private static func imagesOfRuns(_ db: Database) throws -> [ImagesOutput.Image] {
        let newest = try NewestRun.all(db).jsonList
        let outputs = try Data.fetchAll(
            db,
            sql: """
                SELECT output FROM attempts WHERE stage IN (?, ?) AND output IS NOT NULL AND run_id IN (
                    SELECT id FROM runs INDEXED BY runs_lane WHERE status IN ('queued', 'running')
                    UNION SELECT value FROM json_each(?))
                """,
            arguments: [StageName.build.rawValue, StageName.push.rawValue, newest]
        )
        return outputs.compactMap { try? JSONDecoder().decode(ImagesOutput.self, from: $0) }.flatMap(\.images)
    }
}

/// As much of a stage's output as names images; `reference` ends with the digest.
private struct ImagesOutput: Decodable {
    struct Image: Decodable { var id, reference: String? }
    var images: [Image]
}
