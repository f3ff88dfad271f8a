/// How long and how much, for all that is asked of a cluster.
public struct ClusterLimits: Sendable, Hashable {
    /// For one call with all its repetitions. Default: 60 s.
    public var request: Duration = .seconds(60)
    /// For one try of it. Default: 35 s, just above the 34 s that an API server gives to a write.
    public var attempt: Duration = .seconds(35)
    /// For name, connection and TLS. Default: 5 s.
    public var connect: Duration = .seconds(5)
    /// The pause before the first repetition; each further one is twice as long. About half of it is chance.
    /// Default: 100 ms.
    public var firstPause: Duration = .milliseconds(100)
    /// The longest pause that we choose ourselves. Default: 10 s.
    public var longestPause: Duration = .seconds(10)
    /// The longest pause between two looks at an object that must become free or be gone. Default: 2 s.
    public var longestLook: Duration = .seconds(2)
    /// For taking back one object that others change all the time, within the undo's own deadline: the other objects
    /// need their time too. Default: 60 s.
    public var contention: Duration = .seconds(60)
    /// Bytes of one response. Default: 64 MiB.
    public var responseBytes: Int = 64 << 20
    /// Bytes of one event of a watch; etcd stores at most 1.5 MiB an object, JSON may be longer. Default: 8 MiB.
    public var eventBytes: Int = 8 << 20
    /// Bytes of one container's log. Default: 1 MiB.
    public var logBytes: Int = 1 << 20
    /// Objects in one page of a list. Default: 500.
    public var pageSize: Int = 500
    /// How long the server shall keep a watch open; up to a tenth less is asked for, so that not all end at once.
    /// Default: 300 s.
    public var watch: Duration = .seconds(300)
    /// A watch on which nothing came for so long is taken up anew. API servers send a bookmark about every minute.
    /// Default: 90 s.
    public var watchSilence: Duration = .seconds(90)
    /// An unknown kind is looked up again in the cluster at most so often. Default: 2 s.
    public var discoveryInterval: Duration = .seconds(2)

    public init() {}
}
