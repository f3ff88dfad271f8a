import GRDB
import Testing

@testable import Pipelines

@Suite("A stage's log")
struct LogTests {
    /// A run with a running build.
    private func begin(_ fixture: Fixture) async throws -> Int64 {
        let run = try await fixture.push()
        #expect(try await fixture.history.startAttempt(run: run, stage: .build) == 1)
        return run
    }

    private func writer(
        _ fixture: Fixture,
        _ run: Int64,
        limit: Int = 16 << 20,
        mask: @escaping @Sendable ([UInt8], Bool) -> [UInt8] = { bytes, _ in bytes }
    ) -> LogWriter {
        LogWriter(history: fixture.history, run: run, stage: .build, attempt: 1, limit: limit, mask: mask)
    }

    private func whole(_ fixture: Fixture, _ run: Int64, piece: Int = 1 << 20) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while true {
            let next = try await fixture.history.log(
                run: run,
                stage: .build,
                attempt: 1,
                after: Int64(bytes.count),
                limit: piece
            )
            bytes += next.bytes
            #expect(next.next == Int64(bytes.count))
            if next.bytes.isEmpty { return bytes }
        }
    }

    private func chunks(_ fixture: Fixture) throws -> Int {
        try fixture.outside { try Int.fetchOne($0, sql: "SELECT count(*) FROM log_chunks")! }
    }

    @Test("It can be read while it is written, and says when it is complete")
    func live() async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        let changes = fixture.history.changes()
        let log = writer(fixture, run)
        log.line("one")
        let announced = await changes.first { if case .log = $0 { true } else { false } }
        #expect(announced == .log(run: run, stage: .build, attempt: 1, bytes: 4))
        let first = try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 0, limit: 1000)
        #expect(first.bytes == Array("one\n".utf8))
        #expect(first.next == 4)
        #expect(!first.complete)
        log.line("two")
        try await log.finish()
        log.line("too late")
        let second = try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 4, limit: 1000)
        #expect(second.bytes == Array("two\n".utf8))
        #expect(!second.complete)
        try await fixture.history.finishAttempt(
            run: run,
            stage: .build,
            attempt: 1,
            status: .failed,
            reason: nil,
            output: nil
        )
        let rest = try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 8, limit: 1000)
        #expect(rest.bytes.isEmpty)
        #expect(rest.complete)
        #expect(try await fixture.history.attempts(run: run).first?.logBytes == 8)
    }

    @Test("Small chunks become large ones when it is finished, and not a byte changes", arguments: [1, 1000, 100_003])
    func merged(piece: Int) async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        let log = writer(fixture, run)
        var written: [UInt8] = []
        var state: UInt32 = 1
        // 1 MB in portions of uneven length, so that chunks and portions do not agree.
        for portion in 0..<200 {
            let bytes = (0..<(portion * 50 + 1)).map { _ -> UInt8 in
                state = state &* 1_664_525 &+ 1_013_904_223
                return UInt8(truncatingIfNeeded: state >> 24) & 0x3f
            }
            written += bytes
            log.write(bytes)
        }
        try await log.finish()
        #expect(try chunks(fixture) <= (written.count + (256 << 10) - 1) / (256 << 10))
        if piece > 1 {
            #expect(try await whole(fixture, run, piece: piece) == written)
        } else {
            for offset in [0, 1, 262_143, 262_144, 262_145, written.count - 1] {
                let byte = try await fixture.history.log(
                    run: run,
                    stage: .build,
                    attempt: 1,
                    after: Int64(offset),
                    limit: 1
                )
                #expect(byte.bytes == [written[offset]])
            }
        }
    }

    @Test("Of a log that is too long the beginning and the end are kept, and a line says what is missing")
    func cut() async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        let log = writer(fixture, run, limit: 1 << 20)
        for number in 0..<200_000 { log.line("line \(number)") }
        try await log.finish()
        let text = String(decoding: try await whole(fixture, run), as: UTF8.self)
        #expect(text.utf8.count <= (1 << 20) + 200)
        #expect(text.utf8.count > (1 << 20) - 1000)
        #expect(text.hasPrefix("line 0\nline 1\n"))
        #expect(text.hasSuffix("\nline 199999\n"))
        let marks = text.split(separator: "\n").filter { $0.hasPrefix("… log cut at 1 MiB: ") }
        #expect(marks.count == 1)
        let total = (0..<200_000).reduce(0) { $0 + "line \($1)\n".utf8.count }
        let missing = try #require(marks.first?.split(separator: " ").compactMap { Int($0) }.last)
        let mark = "\n\(marks[0])\n".utf8.count
        #expect(text.utf8.count - mark + missing == total)
    }

    @Test("A log that just fits is not cut", arguments: [-1, 0])
    func fits(by difference: Int) async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        let log = writer(fixture, run, limit: 1 << 20)
        let bytes = [UInt8](repeating: 65, count: (1 << 20) + difference)
        log.write(bytes)
        try await log.finish()
        #expect(try await whole(fixture, run) == bytes)
    }

    @Test("Everything goes through the mask, in order; what it held back comes at the end")
    func masked() async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        let held = Locked<[UInt8]>([])
        let log = writer(fixture, run) { bytes, isLast in
            held.withLock { held in
                held += bytes
                let text = String(decoding: held, as: UTF8.self).split(
                    separator: "hunter2",
                    omittingEmptySubsequences: false
                )
                .joined(separator: "***")
                // A secret may go on in the next piece.
                let ready = isLast ? Array(text.utf8) : Array(text.utf8.dropLast(6))
                held = Array(text.utf8.dropFirst(ready.count))
                return ready
            }
        }
        log.write(Array("password: hunt".utf8))
        log.write(Array("er2".utf8))
        log.write(Array(" end".utf8))
        try await log.finish()
        #expect(String(decoding: try await whole(fixture, run), as: UTF8.self) == "password: *** end")
    }

    @Test("An empty log is complete when its attempt has ended; one that never was is not found")
    func empty() async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        try await writer(fixture, run).finish()
        try await fixture.history.finishAttempt(
            run: run,
            stage: .build,
            attempt: 1,
            status: .cancelled,
            reason: nil,
            output: nil
        )
        let piece = try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 0, limit: 10)
        #expect(piece.bytes.isEmpty && piece.next == 0 && piece.complete)
        let error = await #expect(throws: HistoryError.self) {
            try await fixture.history.log(run: run, stage: .push, attempt: 1, after: 0, limit: 10)
        }
        #expect(error?.code == .notFound)
    }

    @Test("Offsets beyond either end are taken for the end")
    func offsets() async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        let log = writer(fixture, run)
        log.line("abc")
        try await log.finish()
        #expect(try await fixture.history.log(run: run, stage: .build, attempt: 1, after: -5, limit: 2).next == 2)
        #expect(try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 99, limit: 2).next == 4)
        #expect(try await fixture.history.log(run: run, stage: .build, attempt: 1, after: 0, limit: -1).next == 0)
    }

    @Test("What a full disk refused is written when there is space again")
    func diskFull() async throws {
        let fixture = try Fixture()
        let run = try await begin(fixture)
        try fixture.limitPages(1)
        let log = writer(fixture, run)
        var random = SystemRandomNumberGenerator()
        let bytes = (0..<200_000).map { _ in UInt8.random(in: 0...255, using: &random) }
        log.write(bytes)
        // The refusal leaves nothing behind.
        try await eventually("the database did not refuse") { log.refusals > 0 }
        #expect(try await whole(fixture, run).isEmpty)
        try fixture.limitPages(1_000_000)
        try await log.finish()
        #expect(try await whole(fixture, run) == bytes)
    }
}
