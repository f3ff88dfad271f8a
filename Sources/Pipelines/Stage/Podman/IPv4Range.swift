import Glibc

/// A block of IPv4 addresses, as in `10.64.0.0/22`.
struct IPv4Range: Sendable, Hashable, CustomStringConvertible {
    let base: UInt32
    let length: Int

    private var mask: UInt32 { length == 0 ? 0 : ~UInt32(0) << (32 - length) }

    init(base: UInt32, length: Int) {
        self.length = length
        self.base = length == 0 ? 0 : base & (~UInt32(0) << (32 - length))
    }

    /// `a.b.c.d/n` or `a.b.c.d`; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = parts.first.flatMap({ Self.address($0) }), parts.count <= 2 else { return nil }
        let length = parts.count == 2 ? Int(parts[1]) : 32
        guard let length, (0...32).contains(length), parts.count == 1 || parts[1].allSatisfy(\.isNumber) else {
            return nil
        }
        self.init(base: address, length: length)
    }

    private static func address(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        return parts.reduce(UInt32?(0)) { sum, part in
            guard let sum, let byte = UInt8(part), "\(byte)" == part else { return nil }
            return sum << 8 | UInt32(byte)
        }
    }

    var description: String { "\(address(0))/\(length)" }

    func address(_ offset: UInt32) -> String {
        let value = base + offset
        return [24, 16, 8, 0].map { "\(value >> UInt32($0) & 255)" }.joined(separator: ".")
    }

    func overlaps(_ other: IPv4Range) -> Bool { (base ^ other.base) & mask & other.mask == 0 }

    /// The n-th range of the same size after this one.
    func following(_ steps: Int) -> IPv4Range {
        IPv4Range(base: base + UInt32(steps) << UInt32(32 - length), length: length)
    }

    /// What this machine has routes to, without the default route and one interface.
    static func routes(except interface: String) -> [IPv4Range] {
        // /proc/net/route: Iface Destination Gateway Flags RefCnt Use Metric Mask …, addresses in hexadecimal as they
        // lie in memory.
        (SmallFile.text("/proc/net/route") ?? "").split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count > 7, fields[0] != interface, let base = UInt32(fields[1], radix: 16),
                let mask = UInt32(fields[7], radix: 16), mask != 0
            else { return nil }
            return IPv4Range(base: UInt32(bigEndian: base), length: mask.nonzeroBitCount)
        }
    }
}
