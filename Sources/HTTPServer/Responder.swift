/// The way to answer one request: at once inside the handler, or later from any thread. Answering takes about a
/// microsecond and never blocks, so one thread may answer a whole batch in a row.
///
/// A responder that is let go without an answer answers 500 by itself: no connection hangs because of a lost one.
public final class Responder: Sendable {
    private let exchange: Exchange

    init(_ exchange: Exchange) { self.exchange = exchange }

    deinit {
        if !exchange.isAnswered { exchange.answer(Refusal.unanswered.response) }
    }

    /// Sends the response. Only the first call counts; a later one is ignored, and so is one that comes after the
    /// client has left or after the server, stopping, has answered for the handler.
    public func respond(_ response: Response) {
        exchange.answer(response)
    }
}
