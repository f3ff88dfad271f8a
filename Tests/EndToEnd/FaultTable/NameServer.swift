import Foundation
import Pipelines

/// Answers questions of DNS on a loopback address, port 53. What a name's first label says is done to it: `unknown` has
/// no such name, `broken` a server's failure, `silent` no answer; every other name is 127.0.0.1.
final class NameServer: Sendable {
    /// For resolv.conf.
    let address: String
    private let descriptor: Int32
    private let isWell = Locked(false)

    static let isPossible = (try? NameServer().stop()) != nil

    init() throws {
        var bound: (Int32, String)?
        for _ in 0..<20 where bound == nil {
            let bytes = (0..<3).map { _ in UInt32.random(in: 1...254) }
            bound = Self.bind(bytes).map { ($0, "127.\(bytes[0]).\(bytes[1]).\(bytes[2])") }
        }
        guard let bound else { throw Unexpected("port 53 is not to be had") }
        (descriptor, address) = bound
        Thread.detachNewThread { [descriptor, isWell] in Self.serve(descriptor, isWell) }
    }

    private static func bind(_ bytes: [UInt32]) -> Int32? {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(53).bigEndian
        address.sin_addr.s_addr = (127 << 24 | bytes[0] << 16 | bytes[1] << 8 | bytes[2]).bigEndian
        let status = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        if status == 0 { return descriptor }
        close(descriptor)
        return nil
    }

    /// From now on every name is 127.0.0.1.
    func mend() { isWell.value = true }

    func stop() { shutdown(descriptor, Int32(SHUT_RDWR)) }

    private static func serve(_ descriptor: Int32, _ isWell: Locked<Bool>) {
        var question = [UInt8](repeating: 0, count: 1024)
        while true {
            var client = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let count = withUnsafeMutablePointer(to: &client) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(descriptor, &question, question.count, 0, $0, &length)
                }
            }
            guard count > 12 else { break }
            guard let answer = answer(to: Array(question[..<count]), isWell.value) else { continue }
            _ = withUnsafePointer(to: &client) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    sendto(descriptor, answer, answer.count, 0, $0, length)
                }
            }
        }
        close(descriptor)
    }

    /// RFC 1035, section 4. Nil for silence.
    private static func answer(to question: [UInt8], _ isWell: Bool) -> [UInt8]? {
        guard let end = question[12...].firstIndex(of: 0), question.count >= end + 5 else { return nil }
        let label = String(decoding: question[13...].prefix(Int(question[12])), as: UTF8.self)
        let kind = isWell ? "" : label.split(separator: "-").first.map(String.init) ?? ""
        let isIPv4 = question[end + 2] == 1
        let hasAddress = isIPv4 && kind != "unknown" && kind != "broken"
        let code: UInt8 = kind == "unknown" ? 3 : kind == "broken" ? 2 : 0
        if kind == "silent" { return nil }
        var answer = Array(question[..<2]) + [0x81, 0x80 | code, 0, 1, 0, hasAddress ? 1 : 0, 0, 0, 0, 0]
        answer += question[12..<(end + 5)]
        // The question's name, type A, class IN, no seconds to keep it, four bytes.
        if hasAddress { answer += [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1] }
        return answer
    }
}
