import Foundation
import Logging
import Testing

@testable import Telemetry

@Suite struct JSONLogHandlerTests {
    private final class Lines: Sendable {
        private let all = Lock<[String]>([])
        func add(_ line: [UInt8]) { all.withLock { $0.append(String(decoding: line, as: UTF8.self)) } }
        var texts: [String] { all.withLock { $0 } }
    }

    private let lines = Lines()
    private var logger: Logger {
        Logger(label: "test") { [lines] in JSONLogHandler(label: $0) { lines.add($0) } }
    }

    @Test func anEntryIsOneObjectOnOneLine() throws {
        var logger = logger
        logger[metadataKey: "run.id"] = "7"
        logger.info("two\nlines \"quoted\"", metadata: ["list": ["a", ["b": "c/d"]], "level": "not this"])
        logger.debug("not shown")
        let line = try #require(lines.texts.first)
        #expect(lines.texts.count == 1)
        #expect(line.hasSuffix("}\n") && line.dropLast().contains("\n") == false)
        var object = try #require(json(line) as? [String: Any])
        let time = try #require(object.removeValue(forKey: "time") as? String)
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        #expect(try abs(Date(time, strategy: style).timeIntervalSinceNow) < 3600)
        #expect(
            object as NSDictionary == [
                "level": "info", "logger": "test", "message": "two\nlines \"quoted\"", "run.id": "7",
                "list": ["a", ["b": "c/d"]],
            ] as NSDictionary
        )
    }

    @Test func entriesOfASpanCarryItsIds() async throws {
        let span = await Tracer().withSpan("work") { span in
            logger.warning("inside")
            return span
        }
        logger.warning("outside")
        let objects = try lines.texts.map(json)
        #expect(objects.map { $0["trace_id"] as? String } == ["\(span.context.traceID)", nil])
        #expect(objects.map { $0["span_id"] as? String } == ["\(span.context.spanID)", nil])
    }
}
