import HTTPClient

/// One request to the API server, before it knows who sends it.
struct APICall: Sendable {
    /// What errors begin with: `Deployment web`.
    var subject: String
    var method = "GET"
    /// Below the server's address, encoded.
    var path: String
    /// Not encoded yet.
    var query: [(String, String)] = []
    var accept = "application/json"
    var contentType = "application/json"
    var body: [UInt8]?
    /// Whether it does no harm if the server carries it out twice.
    var mayRepeat = true

    var target: String {
        guard !query.isEmpty else { return path }
        return path + "?" + query.map { "\($0.percentEncoded)=\($1.percentEncoded)" }.joined(separator: "&")
    }
}

/// The times to wait between tries: each twice the last, half of it chance, so that many clients do not come together.
struct Pauses {
    private let first: Duration
    private let longest: Duration
    private var next: Duration

    init(_ limits: ClusterLimits) { self.init(limits.firstPause, atMost: limits.longestPause) }

    /// Between two looks at an object.
    static func looking(_ limits: ClusterLimits) -> Pauses { Pauses(limits.firstPause, atMost: limits.longestLook) }

    private init(_ first: Duration, atMost longest: Duration) {
        (self.first, self.longest) = (first, longest)
        next = first
    }

    /// - Parameter asked: what the server asked for, which wins if it is longer.
    mutating func take(atLeast asked: Duration?) -> Duration {
        let pause = next * Double.random(in: 0.5...1)
        next = min(next * 2, longest)
        return max(pause, asked ?? .zero)
    }

    mutating func reset() { next = first }
}
