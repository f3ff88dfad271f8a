import Glibc
import Subprocess
import SystemPackage

/// Starts programs by argument list, each in a session and process group of its own, and leaves none behind.
///
/// A child is recorded before it may do anything: it starts as a shell that waits for one line on its standard input
/// and then becomes the program. The line is written only when the record is kept; if the server dies before that, the
/// shell reads the end of its input and exits. So there is no moment in which a program runs that nobody knows of.
/// (PR_SET_PDEATHSIG would not do: it fires when the *thread* that started the child ends, and only for the leader.)
///
/// The end of a run is the end of the leader. What is left of its group is killed then, and a grandchild that has left
/// the group cannot hold the run up, even if it keeps the output open.
public struct ChildProcess: Sendable {
    private let ledger: (any ChildLedger)?
    private let run: Int64?
    private let yields: Bool

    /// - Parameters:
    ///   - ledger: where children are recorded; nil records nothing.
    ///   - run: the run they belong to, if any.
    ///   - yields: they give way to everybody else (`LowPriority`).
    public init(ledger: (any ChildLedger)?, run: Int64?, yields: Bool = false) {
        self.ledger = ledger
        self.run = run
        self.yields = yields
    }

    /// Runs a program to its end.
    ///
    /// - Parameters:
    ///   - executable: a path, or a name that is looked for in PATH.
    ///   - environment: all that the child sees, besides PATH, HOME, TMPDIR and LANG of the server.
    ///   - input: bytes for its standard input; nil is an empty one.
    ///   - deadline: when it has passed, the group gets SIGTERM and 2 s later SIGKILL, and the result says `timedOut`.
    ///   - output: standard output and standard error, in the order written, as they come; called by one at a time.
    /// - Throws: `ChildError` if the program cannot be started; `CancellationError` if the task was cancelled (the
    ///   group is torn down first); what the ledger throws. Not for a non-zero exit.
    public func run(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        workingFolder: String? = nil,
        input: [UInt8]? = nil,
        deadline: Duration,
        output: @escaping @Sendable ([UInt8]) -> Void
    ) async throws -> ChildResult {
        let launch = try Launch(executable, arguments, environment, workingFolder, input: input, deadline: deadline)
        return try await attend(launch, error: .combinedWithOutput) { execution, tail in
            await Self.read(execution.standardOutput) { chunk in
                tail.withLock { $0.append(chunk) }
                output(chunk)
            }
        }
    }

    /// Runs a program to its end and keeps its standard output, at most `limit` bytes; what comes after is dropped.
    /// The result's tail is of standard error. Otherwise like `run`.
    public func capture(
        _ executable: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        workingFolder: String? = nil,
        input: [UInt8]? = nil,
        deadline: Duration,
        limit: Int = 8 << 20
    ) async throws -> (ChildResult, stdout: [UInt8]) {
        let launch = try Launch(executable, arguments, environment, workingFolder, input: input, deadline: deadline)
        let kept = Locked<[UInt8]>([])
        let result = try await attend(launch, error: SequenceOutput.sequence) { execution, tail in
            async let errors: Void = Self.read(execution.standardError) { chunk in
                tail.withLock { $0.append(chunk) }
            }
            await Self.read(execution.standardOutput) { chunk in
                kept.withLock { $0.append(contentsOf: chunk.prefix(limit - $0.count)) }
            }
            await errors
        }
        return (result, stdout: kept.withLock { $0 })
    }

    // MARK: - One child

    private enum Stop: Sendable { case deadline, cancelled }

    /// Everything happens in a task of its own that is never cancelled, so that there is one teardown, ours, and the
    /// output keeps flowing while it lasts.
    private func attend<E: ErrorOutputProtocol>(
        _ launch: Launch,
        error: E,
        read: @escaping @Sendable (Execution<CustomWriteInput, SequenceOutput, E>, Locked<Tail>) async -> Void
    ) async throws -> ChildResult {
        try Task.checkCancellation()
        _ = Self.ignoreBrokenPipes
        let tail = Locked(Tail())
        let stopped = Locked<Stop?>(nil)
        let (stops, asked) = AsyncStream<Stop>.makeStream(bufferingPolicy: .bufferingOldest(1))
        let task = Task {
            try await Subprocess.run(
                launch.configuration,
                input: CustomWriteInput.inputWriter,
                output: .sequence,
                error: error
            ) { execution in
                let group = ChildGroup(leader: execution.processIdentifier.value)
                do {
                    try await record(group.leader, launch)
                    TimeSlice.lengthen(group.leader)
                    if yields { LowPriority.set(group.leader) }
                } catch {
                    group.signal(SIGKILL)
                    throw error
                }
                await withTaskGroup(of: Void.self) { tasks in
                    tasks.addTask { await Self.write(launch.input, to: execution.standardInputWriter) }
                    tasks.addTask {
                        guard let stop = await Self.first(of: stops, or: launch.deadline) else { return }
                        stopped.withLock { $0 = stop }
                        await group.tearDown()
                    }
                    await read(execution, tail)
                    await group.waitForLeader()
                    group.signal(SIGKILL)
                    tasks.cancelAll()
                }
            }
        }
        let ended = await withTaskCancellationHandler {
            await task.result
        } onCancel: {
            asked.yield(.cancelled)
        }
        switch ended {
        case .success(let execution):
            await ledger?.forget(pid: execution.processIdentifier.value)
            let stop = stopped.withLock { $0 }
            if stop == .cancelled { throw CancellationError() }
            return launch.result(execution.terminationStatus, timedOut: stop == .deadline, tail: tail.withLock { $0 })
        case .failure(let error as SubprocessError):
            throw ChildError(
                code: .notStarted,
                program: launch.program,
                message: "Cannot start \(launch.program): \(error)"
            )
        case .failure(let error):
            throw error
        }
    }

    private func record(_ pid: Int32, _ launch: Launch) async throws {
        guard let ledger else { return }
        guard let identity = Self.identity(of: pid) else { return }
        try await ledger.record(
            ChildRecord(
                pid: pid,
                startTime: identity.startTime,
                bootID: identity.bootID,
                command: launch.command,
                run: run
            )
        )
    }

    /// The line that lets the child go, then its input. A child that does not read its input is no error.
    private static func write(_ input: [UInt8], to writer: StandardInputWriter) async {
        _ = try? await writer.write([UInt8(ascii: "\n")] + input)
        try? await writer.finish()
    }

    private static func read(_ stream: SubprocessOutputSequence, _ body: ([UInt8]) -> Void) async {
        // The stream throws when the leader has ended and somebody else still holds the pipe: that is its end.
        do {
            for try await buffer in stream { body(buffer.withUnsafeBytes { Array($0) }) }
        } catch {}
    }

    private static func first(of stops: AsyncStream<Stop>, or deadline: Duration) async -> Stop? {
        await withTaskGroup(of: Stop?.self) { tasks in
            tasks.addTask {
                for await stop in stops { return stop }
                return nil
            }
            tasks.addTask {
                do { try await Task.sleep(for: deadline) } catch { return nil }
                return .deadline
            }
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            return first
        }
    }

    /// Writing to a child that has closed its input must be an error, not the end of the server. The library gives
    /// children the default handlers back.
    private static let ignoreBrokenPipes: Void = {
        _ = Glibc.signal(SIGPIPE, SIG_IGN)
    }()
}
