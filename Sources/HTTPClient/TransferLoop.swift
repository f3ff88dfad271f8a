import CCurl
import Glibc

typealias ResponseContinuation = CheckedContinuation<HTTPResponse, any Error>

/// The thread that drives all transfers of one client.
///
/// Other threads leave commands and wake it up; handles are made, used and freed on the thread only.
final class TransferLoop: Sendable {
    fileprivate enum Command {
        case start(Transfer, ResponseContinuation)
        case cancel(Transfer)
    }

    fileprivate struct State {
        var commands: [Command] = []
        var isRunning = false
        var isClosed = false
        /// There while the thread may be waiting, so that it can be woken up. Not to be used for anything else.
        var multi: Multi?
    }

    /// Sendable because `curl_multi_wakeup` may be called from any thread; the lock keeps it from being freed meanwhile.
    fileprivate struct Multi: @unchecked Sendable {
        let handle: UnsafeMutableRawPointer
    }

    private let state = Lock(State())
    private let keepAlive: Duration

    /// curl asks for this before any other call; a static is made once, whatever the number of threads.
    private static let isCurlReady = ccurl_global_init() == CURLE_OK

    init(keepAlive: Duration) {
        self.keepAlive = keepAlive
    }

    var isRunning: Bool { state.withLock(\.isRunning) }

    /// Resumes the continuation exactly once, when the transfer has ended in whatever way.
    func submit(_ transfer: Transfer, _ continuation: ResponseContinuation) {
        let failure: HTTPClientError? = state.withLock { state in
            if transfer.isCancelled { return .cancelled }
            if state.isClosed { return .closed }
            if !state.isRunning {
                guard Self.isCurlReady, startThread() else {
                    return HTTPClientError(code: .other, message: "the HTTP client's thread does not start")
                }
                state.isRunning = true
            }
            state.commands.append(.start(transfer, continuation))
            state.wakeUp()
            return nil
        }
        if let failure { continuation.resume(throwing: failure) }
    }

    /// May come before the transfer was submitted, or after its end.
    func cancel(_ transfer: Transfer) {
        state.withLock { state in
            transfer.isCancelled = true
            guard state.isRunning else { return }
            state.commands.append(.cancel(transfer))
            state.wakeUp()
        }
    }

    func close() {
        state.withLock { state in
            state.isClosed = true
            state.wakeUp()
        }
    }

    private func startThread() -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread,
            &attributes,
            { context in
                TransferLoop.run(Unmanaged<TransferLoop>.fromOpaque(context!).takeRetainedValue())
                return nil
            },
            context.toOpaque()
        )
        if result != 0 { context.release() }
        return result == 0
    }

    private static func run(_ loop: TransferLoop) {
        blockSignals()
        guard let handle = curl_multi_init() else { return loop.giveUp() }
        // Idle connections that are kept; more are closed after use.
        ccurl_multi_set_long(handle, CURLMOPT_MAXCONNECTS, 64)
        var transfers = RunningTransfers(handle)
        loop.state.withLock { $0.multi = Multi(handle: handle) }
        var idleSince = ContinuousClock.now
        while true {
            let (commands, isClosed) = loop.state.withLock { state in
                defer { state.commands = [] }
                return (state.commands, state.isClosed)
            }
            for command in commands {
                switch command {
                case .start(let transfer, let continuation): transfers.start(transfer, continuation)
                case .cancel(let transfer): transfers.cancel(transfer)
                }
            }
            if isClosed { transfers.cancelAll() }
            let wasBusy = !transfers.isEmpty
            transfers.perform()
            if wasBusy { idleSince = .now }
            let idleLeft = loop.keepAlive - (.now - idleSince)
            if transfers.isEmpty && (isClosed || idleLeft <= .zero) && loop.mayEnd() { break }
            // curl shortens the wait by its own timers. Without transfers there are only the commands to wait for.
            let wait = transfers.isEmpty ? max(idleLeft, .milliseconds(1)) : .seconds(60)
            curl_multi_poll(handle, nil, 0, Int32(clamping: wait.milliseconds), nil)
        }
        transfers.cleanUp()
    }

    /// True if there is nothing to do; the next request starts another thread.
    private func mayEnd() -> Bool {
        state.withLock { state in
            guard state.commands.isEmpty else { return false }
            state.isRunning = false
            state.multi = nil
            return true
        }
    }

    /// Without memory for a multi handle nothing can run.
    private func giveUp() {
        let commands = state.withLock { state in
            defer { state.commands = [] }
            state.isRunning = false
            return state.commands
        }
        for case .start(_, let continuation) in commands {
            continuation.resume(throwing: HTTPClientError(code: .other, message: "no memory for a request"))
        }
    }

    /// Signals are for the program's own threads: a write to a closed socket must not end it, nor a Ctrl-C arrive here.
    private static func blockSignals() {
        var signals = sigset_t()
        sigfillset(&signals)
        // These tell of a crash in this very thread.
        for signal in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT] { sigdelset(&signals, signal) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
    }
}

extension TransferLoop.State {
    fileprivate func wakeUp() {
        // Before the thread has a handle it has not yet looked at the commands either.
        if let multi { curl_multi_wakeup(multi.handle) }
    }
}

extension Duration {
    /// Rounded up, so that a short time does not become none.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let (whole, overflow) = seconds.multipliedReportingOverflow(by: 1_000)
        return overflow ? .max : whole + (attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000
    }
}
