import CCurl

/// The transfers that curl works on. For the loop's thread only.
struct RunningTransfers {
    private let multi: UnsafeMutableRawPointer
    /// By curl's handle. Holding the transfers here is what keeps them alive while curl has pointers to them.
    private var running: [UnsafeMutableRawPointer: (transfer: Transfer, continuation: ResponseContinuation)] = [:]

    init(_ multi: UnsafeMutableRawPointer) {
        self.multi = multi
    }

    var isEmpty: Bool { running.isEmpty }

    mutating func start(_ transfer: Transfer, _ continuation: ResponseContinuation) {
        do {
            let easy = try transfer.makeHandle()
            let result = curl_multi_add_handle(multi, easy)
            guard result == CURLM_OK else {
                transfer.freeHandle()
                throw HTTPClientError(code: .other, message: String(cString: curl_multi_strerror(result)))
            }
            running[easy] = (transfer, continuation)
        } catch {
            continuation.resume(throwing: error)
        }
    }

    /// Nothing happens if the transfer has ended.
    mutating func cancel(_ transfer: Transfer) {
        guard let easy = transfer.easy, let continuation = take(easy)?.continuation else { return }
        transfer.freeHandle()
        continuation.resume(throwing: HTTPClientError.cancelled)
    }

    mutating func cancelAll() {
        for easy in Array(running.keys) {
            guard let (transfer, continuation) = take(easy) else { continue }
            transfer.freeHandle()
            continuation.resume(throwing: HTTPClientError.closed)
        }
    }

    /// Reads and writes what can be, and ends the transfers that are done.
    mutating func perform() {
        var count: Int32 = 0
        curl_multi_perform(multi, &count)
        while let message = curl_multi_info_read(multi, &count) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            // Taking the handle out makes the message invalid.
            let result = message.pointee.data.result
            guard let (transfer, continuation) = take(easy) else { continue }
            let response = transfer.end(result)
            transfer.freeHandle()
            continuation.resume(with: response)
        }
    }

    /// Only when there are no transfers.
    func cleanUp() {
        curl_multi_cleanup(multi)
    }

    private mutating func take(
        _ easy: UnsafeMutableRawPointer
    ) -> (transfer: Transfer, continuation: ResponseContinuation)? {
        guard let entry = running.removeValue(forKey: easy) else { return nil }
        curl_multi_remove_handle(multi, easy)
        return entry
    }
}
