/// A Linux capability (capabilities(7)), by its bit.
enum Capability: UInt64 {
    case sysResource = 24

    /// Whether this process has it now.
    var isEffective: Bool {
        guard let status = SmallFile.text("/proc/self/status"),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix("CapEff:") }),
            let mask = UInt64(line.dropFirst(7).filter { !$0.isWhitespace }, radix: 16)
        else { return false }
        return mask & (1 << rawValue) != 0
    }
}
