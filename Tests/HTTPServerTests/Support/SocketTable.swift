import Glibc

/// The kernel's list of TCP sockets of this machine, `/proc/net/tcp`.
enum SocketTable {
    enum State: String {
        case established = "01"
        case closeWait = "08"
        case other
    }

    /// The states of the sockets whose own port is this one, and that listen to nobody.
    static func states(port: UInt16) throws -> [State] {
        guard let file = fopen("/proc/net/tcp", "r") else { throw RawClient.Failure(description: "no /proc/net/tcp") }
        defer { fclose(file) }
        let digits = String(port, radix: 16, uppercase: true)
        let suffix = ":" + String(repeating: "0", count: 4 - digits.count) + digits
        var states: [State] = []
        var line = [CChar](repeating: 0, count: 512)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let columns = text.split(separator: " ")
            guard columns.count > 3, columns[1].hasSuffix(suffix), columns[3] != "0A" else { continue }
            states.append(State(rawValue: String(columns[3])) ?? .other)
        }
        return states
    }
}
