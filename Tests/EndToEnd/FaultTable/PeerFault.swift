/// What goes wrong between the server and one of its peers.
struct PeerFault: Sendable {
    enum Action: Sendable, Equatable {
        /// Nobody listens; where `line` says of which request, from that one on.
        case refuse
        /// Connections are taken, requests read, and nothing is answered.
        case hang
        /// Answered in the peer's place, with Retry-After in seconds where one is given.
        case status(Int, retryAfter: Int? = nil)
        /// The connection ends after so many bytes of the answer, its head included.
        case cutAnswer(after: Int)
        /// The connection is reset after so many bytes of the request, its head included.
        case cutRequest(after: Int)
    }

    var action: Action
    /// Which requests are meant: those whose first line, `METHOD path HTTP/1.1`, contains this; all where it is empty.
    var line = ""
    /// How many requests that are meant pass before it strikes.
    var skip = 0
    /// How often it strikes then. A port that is closed cannot count.
    var times = Int.max
    /// Once it has struck, it strikes every request.
    var isForAll = false

    init(_ action: Action, _ line: String = "", skip: Int = 0, times: Int = .max, thenAll isForAll: Bool = false) {
        (self.action, self.line, self.skip, self.times, self.isForAll) = (action, line, skip, times, isForAll)
    }
}
