/// Something pushed to a branch, and what the server said to it.
struct CrashPush {
    /// What its revision is to look like in the cluster.
    struct Content {
        var state: String
        var hasExtra: Bool
    }

    let guid: String
    let branch: String
    let revision: String
    /// The runs that were promised with a 202; nil until there was one.
    var runs: [Int64]?
}
