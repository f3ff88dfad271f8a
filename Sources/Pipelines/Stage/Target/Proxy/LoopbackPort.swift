/// Free ports of 127.0.0.1 for Services, below the range out of which the kernel gives ports to connections (32768 and
/// up, ip_local_port_range): so one that is remembered stays free while the proxy is down.
enum LoopbackPort {
    private static let range = 20_000...29_999

    /// - Parameter taken: remembered for other Services.
    /// - Throws: `StageError` (errored, `no-free-port`).
    static func choose(except taken: Set<Int>) throws -> Int {
        let first = Int.random(in: range)
        for step in 0..<range.count {
            let port = range.lowerBound + (first - range.lowerBound + step) % range.count
            if !taken.contains(port), LoopbackProbe.isFree(port: port) { return port }
        }
        throw StageError(
            .errored,
            "no-free-port",
            "Every port from \(range.lowerBound) to \(range.upperBound) is taken"
        )
    }
}
