import CGit2
import Glibc

/// One piece of work on a thread of its own, with what can end it early: a cancelled task, a deadline, silence.
final class Job: @unchecked Sendable {
    // Unchecked: what other threads touch is behind the lock; `transfer` belongs to the job's own thread.
    private let lock = Lock()
    private var isCancelled = false
    private var verdict: GitError?
    private var deadline: ContinuousClock.Instant?
    private var patience = Duration.zero
    private var idle = Duration.seconds(30)
    private var lastSign = ContinuousClock.now

    /// The exchange with a server that is going on, for the streams that libgit2 asks for.
    var transfer: Transfer?

    init(limits: FetchLimits? = nil) {
        if let limits { restart(limits) }
    }

    /// Limits count from now on, for the next of several exchanges.
    func restart(_ limits: FetchLimits) {
        lock.withLock {
            patience = limits.deadline
            deadline = ContinuousClock.now + patience
            idle = limits.idle
            lastSign = ContinuousClock.now
        }
    }

    func cancel() {
        lock.withLock { isCancelled = true }
    }

    /// Records why the work ends: libgit2 passes on a number only. The first reason stays.
    func fail(_ error: GitError) {
        lock.withLock { if verdict == nil { verdict = error } }
    }

    /// Something moved: the time without a sign begins anew.
    func noteActivity() {
        lock.withLock { lastSign = ContinuousClock.now }
    }

    /// The reason to stop, if there is one.
    func reasonToStop() -> GitError? {
        lock.withLock {
            if let verdict { return verdict }
            if isCancelled {
                verdict = GitError(.cancelled, "the work was cancelled")
            } else if let deadline, ContinuousClock.now >= deadline {
                verdict = GitError(.deadlineExceeded, "the deadline of \(patience) has passed")
            }
            return verdict
        }
    }

    /// The reason to stop for a caller that waits for the other side.
    func reasonToStopWaiting() -> GitError? {
        if let reason = reasonToStop() { return reason }
        return lock.withLock {
            guard ContinuousClock.now - lastSign >= idle else { return nil }
            verdict = GitError(.idleTimeout, "the server has sent nothing for \(idle)")
            return verdict
        }
    }

    func check() throws(GitError) {
        if let reason = reasonToStop() { throw reason }
    }

    /// Runs the work with this job as the thread's own; a recorded reason wins over what libgit2 made of it.
    func run<Result>(_ work: (Job) throws -> Result) throws -> Result {
        pthread_setspecific(Job.key, Unmanaged.passUnretained(self).toOpaque())
        defer {
            pthread_setspecific(Job.key, nil)
            transfer = nil
            // What libgit2 gave back goes to the system: the threads' arenas would keep it otherwise.
            fairlead_git_give_memory_back()
        }
        do {
            try check()
            return try work(self)
        } catch {
            guard let reason = lock.withLock({ verdict }) else { throw error }
            guard let transfer, reason.code != .cancelled, !reason.message.contains(transfer.url.host) else {
                throw reason
            }
            throw GitError(reason.code, "\(transfer.url.display): \(reason.message)")
        }
    }

    /// The job of the calling thread; nil on a thread that is not ours.
    static var current: Job? {
        pthread_getspecific(key).map { Unmanaged<Job>.fromOpaque($0).takeUnretainedValue() }
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        pthread_key_create(&key, nil)
        return key
    }()
}
