import Foundation
import GitHub
import Testing

@testable import Pipelines

@Suite("Deliveries to ask for again")
struct HookWindowTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var deliveries: [HookDelivery]
        var arrived: Set<String> = []
        var wanted: [Int64]
        var last: Int64?
    }

    private static let now = Date(timeIntervalSince1970: 1_782_898_200)

    private static func delivery(
        _ id: Int64,
        _ guid: String,
        _ status: Int,
        again: Bool = false,
        event: String = "push",
        age: Double = 60
    ) -> HookDelivery {
        let time = now.addingTimeInterval(-age).formatted(.iso8601)
        return HookDelivery(id: id, guid: guid, deliveredAt: time, isRedelivery: again, status: status, event: event)
    }

    static let cases: [Case] = [
        Case(testDescription: "none", deliveries: [], wanted: [], last: nil),
        Case(
            testDescription: "no answer, a fault, too much to do",
            deliveries: [
                delivery(1, "a", 202), delivery(2, "b", 0), delivery(3, "c", 503), delivery(4, "d", 429),
                delivery(5, "e", 202),
            ],
            wanted: [2, 3, 4],
            last: 1
        ),
        Case(
            testDescription: "answers, and refusals, which are answers too",
            deliveries: [delivery(1, "a", 202), delivery(2, "b", 200), delivery(3, "c", 401), delivery(4, "d", 413)],
            wanted: [],
            last: 4
        ),
        Case(
            testDescription: "answered the second time",
            deliveries: [delivery(1, "a", 502), delivery(2, "a", 202, again: true)],
            wanted: [],
            last: 2
        ),
        Case(
            testDescription: "failed three times more",
            deliveries: [delivery(1, "a", 502)] + (2...4).map { delivery($0, "a", 502, again: true) },
            wanted: [],
            last: 4
        ),
        Case(
            testDescription: "failed twice more",
            deliveries: [delivery(1, "a", 502)] + (2...3).map { delivery($0, "a", 502, again: true) },
            wanted: [1],
            last: nil
        ),
        Case(
            testDescription: "arrived, although GitHub had no answer",
            deliveries: [delivery(1, "a", 0)],
            arrived: ["a"],
            wanted: [],
            last: 1
        ),
        Case(
            testDescription: "older than GitHub delivers again",
            deliveries: [delivery(1, "a", 502, age: 4 * 86_400)],
            wanted: [],
            last: 1
        ),
        Case(
            testDescription: "no push",
            deliveries: [delivery(1, "a", 502, event: "ping")],
            wanted: [],
            last: 1
        ),
    ]

    @Test(arguments: cases) func window(example: Case) {
        let window = HookWindow(deliveries: example.deliveries, arrived: example.arrived, now: Self.now)
        #expect(window.wanted().map(\.id) == example.wanted)
        #expect(window.last() == example.last)
    }
}
