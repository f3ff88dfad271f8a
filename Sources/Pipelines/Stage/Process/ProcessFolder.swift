import Glibc

/// What `/proc` knows of processes (proc(5)).
enum ProcessFolder {
    /// One line of `/proc/PID/stat`.
    struct Stat {
        var state: Character
        var parent: Int32
        var group: Int32
        /// Clock ticks after boot.
        var startTime: UInt64
    }

    static func stat(of pid: Int32) -> Stat? {
        guard let bytes = SmallFile.read("/proc/\(pid)/stat") else { return nil }
        // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
        guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else { return nil }
        let fields = String(decoding: bytes[(end + 1)...], as: UTF8.self).split(separator: " ")
        // After the name: field 3 (state) is at 0, field 4 (parent) at 1, field 5 (process group) at 2, field 22 (start
        // time) at 19.
        guard fields.count > 19, let parent = Int32(fields[1]), let group = Int32(fields[2]),
            let start = UInt64(fields[19])
        else { return nil }
        return Stat(state: fields[0].first ?? "?", parent: parent, group: group, startTime: start)
    }

    /// Changes with every boot, so that pids and start times of an earlier one mean nothing.
    static let bootID: String = {
        let bytes = SmallFile.read("/proc/sys/kernel/random/boot_id") ?? []
        return String(decoding: bytes.filter { $0 > 0x20 }, as: UTF8.self)
    }()

    /// The program's name, as far as the kernel keeps it.
    static func name(of pid: Int32) -> [UInt8]? { SmallFile.read("/proc/\(pid)/comm") }

    static func all() -> [Int32] {
        SmallFile.names(in: "/proc").compactMap { Int32($0) }
    }

    /// The live (not zombie) processes of one process group.
    static func members(ofGroup group: Int32) -> [Int32] {
        all().filter { pid in
            guard let stat = stat(of: pid) else { return false }
            return stat.group == group && stat.state != "Z" && stat.state != "X"
        }
    }

    /// Whether the process was started with this environment entry (`NAME=value`).
    static func environment(of pid: Int32, has entry: String) -> Bool {
        guard let bytes = SmallFile.read("/proc/\(pid)/environ") else { return false }
        return bytes.split(separator: 0).contains { $0.elementsEqual(entry.utf8) }
    }
}
