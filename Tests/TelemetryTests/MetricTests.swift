import Foundation
import Testing

@testable import Telemetry

@Suite struct MetricTests {
    let registry = MetricRegistry()

    @Test func countersGaugesAndHistogramsAreWrittenInPrometheusText() async {
        registry.counter("events_total", "Events.").increment(by: 3)
        let depth = registry.gauge("queue_depth", "Waiting.", labels: ["queue"])
        depth["b"].set(2.5)
        depth["a"].add(-1)
        let time = registry.histogram("work_seconds", "Work.", labels: ["kind"], buckets: [0.1, 1])
        time["x"].observe(0.1)
        time["x"].observe(0.5)
        time["x"].observe(.seconds(3))
        #expect(
            await registry.exposition() == """
                # HELP metrics_label_sets_folded_total Uses of a label set for which its metric had no room: they count as "other".
                # TYPE metrics_label_sets_folded_total counter
                metrics_label_sets_folded_total{metric="events_total"} 0
                metrics_label_sets_folded_total{metric="queue_depth"} 0
                metrics_label_sets_folded_total{metric="work_seconds"} 0
                # HELP events_total Events.
                # TYPE events_total counter
                events_total 3
                # HELP queue_depth Waiting.
                # TYPE queue_depth gauge
                queue_depth{queue="a"} -1
                queue_depth{queue="b"} 2.5
                # HELP work_seconds Work.
                # TYPE work_seconds histogram
                work_seconds_bucket{kind="x",le="0.1"} 1
                work_seconds_bucket{kind="x",le="1"} 2
                work_seconds_bucket{kind="x",le="+Inf"} 3
                work_seconds_sum{kind="x"} 3.6
                work_seconds_count{kind="x"} 3

                """
        )
    }

    @Test func textIsEscaped() async {
        registry.gauge("g", "back\\slash, \"quotes\",\nline", labels: ["l"])["back\\slash, \"quotes\",\nline"].set(1)
        let text = await registry.exposition()
        #expect(text.contains(#"# HELP g back\\slash, "quotes",\nline"# + "\n"))
        #expect(text.contains(#"g{l="back\\slash, \"quotes\",\nline"} 1"# + "\n"))
    }

    @Test(arguments: [
        (0.0, "0"), (-0.5, "-0.5"), (1e21, "1e+21"), (1e-7, "1e-07"), (.infinity, "+Inf"), (-.infinity, "-Inf"),
        (.nan, "NaN"), (1_700_000_000, "1700000000"),
    ]) func numbersAreWrittenAsPrometheusReadsThem(value: Double, text: String) {
        #expect(number(value) == text)
    }

    @Test func labelSetsBeyondTheLimitAreCountedAsOther() async {
        let requests = registry.counter("requests_total", "Requests.", labels: ["method", "path"], limit: 3)
        for path in 0..<10 { requests["GET", "/\(path)"].increment() }
        requests["GET", "/0"].increment()
        let lines = await registry.exposition().split(separator: "\n").filter { $0.hasPrefix("requests_total") }
        #expect(
            lines == [
                #"requests_total{method="GET",path="/0"} 2"#, #"requests_total{method="GET",path="/1"} 1"#,
                #"requests_total{method="other",path="other"} 8"#,
            ]
        )
        #expect(
            await registry.exposition().contains(#"metrics_label_sets_folded_total{metric="requests_total"} 8"# + "\n")
        )
    }

    @Test func aSeriesIsThereAsSoonAsItIsLookedUp() async {
        _ = registry.counter("failures_total", "Failures.", labels: ["reason"])["full"]
        #expect(await registry.exposition().contains("failures_total{reason=\"full\"} 0\n"))
    }

    @Test func whatIsAskedForAtAScrapeIsAskedEachTime() async {
        let depth = registry.gauge("depth", "Depth.", labels: ["queue"])
        let asked = registry.counter("asked_total", "Asked.")
        registry.beforeScrape {
            await Task.yield()
            asked.increment()
            depth.replace([["queue \(asked.value)"]: Double(asked.value)])
        }
        _ = await registry.exposition()
        let text = await registry.exposition()
        #expect(text.contains("depth{queue=\"queue 2\"} 2\n"))
        #expect(!text.contains("queue 1"))
    }

    @Test func countingFromManyThreadsLosesNothing() async {
        let count = registry.counter("count_total", "Count.", labels: ["l"])
        let sum = registry.gauge("sum", "Sum.")
        let sizes = registry.histogram("sizes", "Sizes.", buckets: [1, 2])
        await withTaskGroup { group in
            for task in 0..<8 {
                group.addTask {
                    for _ in 0..<5000 {
                        count["\(task % 2)"].increment()
                        sum.add(0.5)
                        sizes.observe(Double(task % 4))
                    }
                }
            }
        }
        #expect(count["0"].value == 20_000 && count["1"].value == 20_000)
        #expect(sum.value == 20_000)
        #expect(sizes.count == 40_000)
    }

    @Test func processMetricsAreThoseOfThisProcess() async throws {
        registry.addProcessMetrics()
        let folder = FileHandle(forReadingAtPath: "/")
        defer { try? folder?.close() }
        let text = await registry.exposition()
        func value(_ name: String) throws -> Double {
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix(name + " ") })
            return try #require(Double(line.split(separator: " ")[1]))
        }
        #expect(text.contains("# TYPE process_cpu_seconds_total counter\n"))
        #expect(try value("process_cpu_seconds_total") > 0)
        let memory = try value("process_resident_memory_bytes")
        #expect(memory > 1e6 && memory < 1e11)
        let open = try value("process_open_fds")
        #expect(try open >= 3 && open < value("process_max_fds"))
        let age = try Date.now.timeIntervalSince1970 - value("process_start_time_seconds")
        #expect(age > -2 && age < 86_400)
    }
}
