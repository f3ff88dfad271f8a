import CLinux
import Glibc

/// How long a thread works before the kernel looks whom to let work next.
///
/// Who asks for short turns gets them soon: the kernel does not wait for the end of a longer turn that somebody else
/// has begun. A server needs the processor for a fraction of a millisecond, a compiler's turn takes three, and beside
/// two compilers a push waits for several of those on its way to the 202.
///
/// Before Linux 6.12 every thread has the same slice; the number is ignored there. Source: sched(7), sched_setattr(2)
/// and the kernel's Documentation/scheduler/sched-eevdf.rst.
public enum TimeSlice {
    /// Of the server's threads, in nanoseconds: the least that the kernel grants.
    static let short: UInt64 = 100_000
    /// What a thread has that asked for nothing.
    private static let usual: UInt64 = 0

    /// Gives all of this process' threads short turns; those that they start later have them, too. A kernel that
    /// refuses leaves them as they are.
    public static func shorten() { set(short, of: getpid()) }

    /// For a child: it begins with its parent's turns, and would hand them on to builds and pods.
    static func lengthen(_ pid: Int32) { set(usual, of: pid) }

    private static func set(_ nanoseconds: UInt64, of pid: Int32) {
        guard let threads = opendir("/proc/\(pid)/task") else { return }
        defer { closedir(threads) }
        while let entry = readdir(threads) {
            let name = withUnsafeBytes(of: entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            guard let thread = Int32(name) else { continue }
            var attributes = sched_attr()
            guard linux_sched_getattr(thread, &attributes) == 0, attributes.sched_policy == UInt32(SCHED_OTHER) else {
                continue
            }
            attributes.sched_runtime = nanoseconds
            _ = linux_sched_setattr(thread, &attributes)
        }
    }
}
