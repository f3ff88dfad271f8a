import Telemetry
import Testing

@Suite struct SpanContextTests {
    static let example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    @Test func aTraceparentIsReadAndWritten() throws {
        let context = try #require(SpanContext(traceparent: Self.example, tracestate: "rojo=1,congo=2"))
        #expect("\(context.traceID)" == "0af7651916cd43dd8448eb211c80319c")
        #expect("\(context.spanID)" == "b7ad6b7169203331")
        #expect(context.isSampled)
        #expect(context.traceparent == Self.example)
        #expect(context.headers.map(\.0) == ["traceparent", "tracestate"])
        #expect(context.headers.map(\.1) == [Self.example, "rojo=1,congo=2"])
    }

    @Test(arguments: [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false),
        // Bits that we do not know are no reason to refuse, nor are they passed on.
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", true),
        ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-holds", true),
        ("00-00000000000000000000000000000001-0000000000000001-02", false),
    ]) func flagsAndLaterVersionsAreRead(text: String, isSampled: Bool) throws {
        let context = try #require(SpanContext(traceparent: text))
        #expect(context.isSampled == isSampled)
        #expect(context.traceparent == "00-\(context.traceID)-\(context.spanID)-0\(isSampled ? 1 : 0)")
    }

    @Test(arguments: [
        "", "00", "garbage",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333g-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-1",
        " 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ]) func whatIsNotATraceparentIsRefused(text: String) {
        #expect(SpanContext(traceparent: text) == nil)
    }

    @Test(arguments: ["", "a=\r\nEvil: yes", "a=\u{e9}", String(repeating: "a", count: 513)])
    func aTracestateThatMayNotBePassedOnIsLeftOut(state: String) throws {
        let context = try #require(SpanContext(traceparent: Self.example, tracestate: state))
        #expect(context.traceState == nil)
        #expect(context.headers.map(\.0) == ["traceparent"])
    }

    @Test func idsAreNeverZeroAndHaveTheirLength() {
        #expect(TraceID(high: 0, low: 0) == nil)
        #expect(SpanID(0) == nil)
        #expect(TraceID(high: 0, low: 10)?.description == "0000000000000000000000000000000a")
        #expect(SpanID(0x0f)?.description == "000000000000000f")
        #expect(Set((0..<1000).map { _ in TraceID.random() }).count == 1000)
    }
}
