import Foundation

/// What runs on this machine.
struct Processes {
    private var parents: [Int32: Int32] = [:]
    private var commands: [Int32: String] = [:]

    static func all() -> Processes {
        var processes = Processes()
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(name),
                let command = try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8),
                let status = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                // `pid (name) state parent …`; the name may hold anything.
                let parent = status.split(separator: ")").last?.split(separator: " ").dropFirst().first
            else { continue }
            processes.parents[pid] = Int32(parent)
            processes.commands[pid] = command.replacing("\0", with: " ")
        }
        return processes
    }

    /// Programs that were given a path of the server's and are not its descendants.
    func strays(of server: Int32, mentioning path: String) -> [String] {
        commands.filter { $0.value.contains(path) && !isDescendant($0.key, of: server) }.map { "\($0.key) \($0.value)" }
    }

    private func isDescendant(_ pid: Int32, of server: Int32) -> Bool {
        var current: Int32? = pid
        while let pid = current, pid > 1 {
            if pid == server { return true }
            current = parents[pid]
        }
        return false
    }
}
