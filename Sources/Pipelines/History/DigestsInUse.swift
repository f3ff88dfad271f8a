internal import GRDB

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

extension History {
    /// The digests of every image that an environment serves, is about to serve, or may be rolled back to.
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
                    WHERE place <= ?
                    """,
                arguments: [depth]
            )
            let images = try lists.flatMap { try JSONDecoder().decode([PushedImage].self, from: Data($0.utf8)) }
            return Set(images.map(\.digest))
        }
    }
}
