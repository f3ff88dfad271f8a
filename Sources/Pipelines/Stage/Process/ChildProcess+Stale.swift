import Glibc

extension ChildProcess {
    /// What tells a process from a later one of the same number; nil if there is no such process.
    public static func identity(of pid: Int32) -> (startTime: UInt64, bootID: String)? {
        guard let stat = ProcessFolder.stat(of: pid) else { return nil }
        return (stat.startTime, ProcessFolder.bootID)
    }

    /// Whether exactly the recorded process still runs.
    public static func isAlive(_ record: ChildRecord) -> Bool {
        guard record.bootID == ProcessFolder.bootID, let stat = ProcessFolder.stat(of: record.pid) else { return false }
        return stat.startTime == record.startTime && stat.state != "Z" && stat.state != "X"
    }

    /// Ends what an earlier server left running: SIGTERM to each recorded group, 2 s, SIGKILL. Only groups whose boot
    /// and start time match and whose server is dead; where the leader is gone already, only processes that carry the
    /// mark of that group. Returns when they are gone.
    public static func endStale(_ records: [ChildRecord]) async {
        let stale = records.filter {
            $0.bootID == ProcessFolder.bootID && $0.pid > 1 && !hasServer($0) && !remains(of: $0).isEmpty
        }
        for record in stale { signalRemains(of: record, SIGTERM) }
        let graceEnd = ContinuousClock.now + ChildGroup.grace
        while ContinuousClock.now < graceEnd, stale.contains(where: { !remains(of: $0).isEmpty }) {
            try? await Task.sleep(for: .milliseconds(20))
        }
        // SIGKILL cannot be refused, but a process in uninterruptible sleep takes it late: wait, within reason.
        let end = ContinuousClock.now + .seconds(5)
        while ContinuousClock.now < end, stale.contains(where: { !remains(of: $0).isEmpty }) {
            for record in stale { signalRemains(of: record, SIGKILL) }
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Whether another server that lives has started it. A copy of a data folder, or a restored backup, names the
    /// children of the server that it was taken from, and these are nobody's leftovers.
    private static func hasServer(_ record: ChildRecord) -> Bool {
        guard let stat = ProcessFolder.stat(of: record.pid), stat.startTime == record.startTime,
            stat.parent > 1, stat.parent != getpid()
        else { return false }
        return ProcessFolder.name(of: stat.parent) == ProcessFolder.name(of: getpid())
    }

    private static func signalRemains(of record: ChildRecord, _ number: Int32) {
        for pid in remains(of: record) { kill(pid, number) }
    }

    /// The processes of a recorded group that are surely ours. A number stays taken as long as it names a group, but a
    /// group that has died out may have been followed by a stranger's of the same number.
    private static func remains(of record: ChildRecord) -> [Int32] {
        let members = ProcessFolder.members(ofGroup: record.pid)
        if let leader = ProcessFolder.stat(of: record.pid) {
            return leader.startTime == record.startTime ? members : []
        }
        let mark = "\(Launch.groupVariable)=\(record.pid)"
        return members.filter { ProcessFolder.environment(of: $0, has: mark) }
    }
}
