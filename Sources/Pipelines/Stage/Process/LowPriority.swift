import Glibc

/// How builds and pushes give way to the server beside them: a push must not wait for its 202 until a compiler has had
/// its turn. Nothing is held back while nobody else wants the processor or the disk.
enum LowPriority {
    /// Of the programs and of what they start (nice(2)). The kernel takes the priority at the disk from it, too, as
    /// long as no other is set (ioprio_set(2)).
    static let nice: Int32 = 10
    /// Of the cgroups that the steps of a build run in; everybody else's have 1024. A niceness means nothing across
    /// cgroups. Nice 10 has this weight, too (sched(7)).
    static let cpuShares = 110

    /// For a child that has not become its program yet. What cannot be set is left as it is.
    static func set(_ pid: Int32) {
        _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), id_t(pid), nice)
        // Where the kernel groups by sessions, as it does on a machine of people, it weighs this number instead.
        let file = open("/proc/\(pid)/autogroup", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        let text = Array("\(nice)".utf8)
        _ = write(file, text, text.count)
        close(file)
    }
}
