import Foundation
import Glibc
import HTTPClient
import Testing

extension EndToEnd {
    @Suite("A full disk", .enabled(if: DataDisk.isPossible, "needs root, to mount a small file system"))
    struct FullDiskTests {
        @Test("webhooks get 503, a run stops and says why once it can, and all goes on when there is space")
        func full() async throws {
            let disk = try DataDisk(megabytes: 96)
            try await World.run(settings: "public: everything\nlimits: { revisionWait: 30s }\n", serve: false) {
                world in
                try FileManager.default.createSymbolicLink(atPath: world.data, withDestinationPath: disk.path)
                try await world.start()
                let good = try await world.deploy(try await world.repository.head())
                #expect(good.status == "succeeded", "\(String(describing: good.reason))")

                // A run whose revision comes only when there is no room for it any more.
                let late = try await world.repository.commit(
                    ["large": DataDisk.noise(megabytes: 1)],
                    message: "Late",
                    pushing: false
                )
                let waiting = try Receipt(try await world.push(late)).runs[0].id
                try await eventually("the clone has begun") {
                    try await world.run(waiting).stage("clone").status == "running" ? true : nil
                }
                try disk.fill()
                let guid = UUID().uuidString
                let refused = try await eventually("a webhook is refused") { () -> Bool? in
                    let answer = try await world.push(late, guid: guid, message: DataDisk.noise(megabytes: 4))
                    guard answer.status == 503 else { return nil }
                    #expect(answer.header("Retry-After") != nil)
                    #expect(answer.string.contains("the disk is full"))
                    return true
                }
                #expect(refused)
                #expect(try await world.get("/healthz").status == 200)
                try await world.repository.git("push", "-q", "origin", "\(late):refs/heads/main")
                try await eventually("the server says that it waits for space") {
                    world.serverProcess?.said.contains("cannot be recorded yet") == true ? true : nil
                }
                disk.free()
                let stopped = try await world.finished(waiting)
                #expect(stopped.status == "errored")
                #expect(stopped.reason?.code == "disk-full", "\(String(describing: stopped.reason))")

                // What was refused is delivered again, under the same id, and deployed.
                let again = try await world.push(late, guid: guid)
                #expect(again.status == 202, "\(again.string)")
                let next = try await world.finished(try Receipt(again).runs[0].id)
                #expect(next.status == "succeeded", "\(String(describing: next.reason))")
                let check = try await sh("/usr/bin/python3", ["-c", DataDisk.integrity, "\(world.data)/fairlead.db"])
                #expect(check.output == "ok\n")
            }
        }
    }
}

/// A small file system for a data folder.
final class DataDisk: Sendable {
    let path: String

    static let isPossible = (try? DataDisk(megabytes: 1)) != nil

    static let integrity =
        "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])"

    init(megabytes: Int) throws {
        var template = Array("/var/tmp/fl-disk-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw Unexpected("no temporary folder") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard mount("fairlead-test", path, "tmpfs", 0, "size=\(megabytes)m,mode=0700") == 0 else {
            rmdir(path)
            throw Unexpected("no file system can be mounted")
        }
    }

    deinit {
        umount2(path, Int32(MNT_DETACH))
        rmdir(path)
    }

    /// Takes all the space that is left.
    func fill() throws {
        let file = open("\(path)/ballast", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        defer { close(file) }
        let block = [UInt8](repeating: 0xaa, count: 4096)
        while write(file, block, block.count) > 0 {}
        guard errno == ENOSPC else { throw Unexpected("the disk cannot be filled: errno \(errno)") }
    }

    func free() { unlink("\(path)/ballast") }

    /// Text that nothing makes smaller.
    static func noise(megabytes: Int) -> String {
        let letters = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_".utf8)
        var random = SystemRandomNumberGenerator()
        var text: [UInt8] = []
        text.reserveCapacity(megabytes << 20)
        while text.count < megabytes << 20 {
            let bits = random.next()
            for shift in 0..<10 { text.append(letters[Int(truncatingIfNeeded: bits >> (UInt64(shift) * 6)) & 63]) }
        }
        return String(decoding: text, as: UTF8.self)
    }
}
