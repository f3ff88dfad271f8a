internal import GRDB

/// How many rows one transaction of ``Expiry`` takes: so many that it is over in a few milliseconds. What a row costs
/// depends on what hangs on it.
struct Pace: Sendable {
    /// At first, and at least.
    static let least = 10
    private static let most = 200
    /// How long a transaction may keep the writer, besides the disk's own time.
    private static let aim = Duration.milliseconds(4)

    private(set) var size = Pace.least

    /// - Parameter time: what a transaction with `size` rows has taken.
    mutating func took(_ time: Duration) {
        if time > Self.aim { size = max(size / 2, Self.least) }
        if time < Self.aim / 2 { size = min(size * 2, Self.most) }
    }
}

extension Expiry {
    /// Does something to all of these, so many in a transaction as the pace allows, and gives others their turn in between.
    ///
    /// - Parameter body: returns how many it was done with.
    /// - Returns: the sum of these.
    func inPieces(
        _ ids: [Int64],
        _ pace: inout Pace,
        _ body: @escaping @Sendable ([Int64], Database, inout [Change]) throws -> Int
    ) async throws -> Int {
        var (left, count) = (ids[...], 0)
        while !left.isEmpty {
            let piece = Array(left.prefix(pace.size))
            left = left.dropFirst(piece.count)
            let (done, time) = try await history.write { db, changes in
                let start = ContinuousClock.now
                return (try body(piece, db, &changes), .now - start)
            }
            count += done
            // The last piece may be short, and tells nothing.
            if piece.count == pace.size { pace.took(time) }
            try await rest()
        }
        return count
    }
}
