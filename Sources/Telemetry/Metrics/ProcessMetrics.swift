import Glibc

extension MetricRegistry {
    /// The metrics that every program has, by the names of
    /// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics, read from `/proc` at each scrape.
    public func addProcessMetrics() {
        let processorTime = countedElsewhere(
            "process_cpu_seconds_total",
            "Processor time of this process, in user and system mode."
        )
        let memory = gauge("process_resident_memory_bytes", "Memory of this process that is in RAM.")
        let open = gauge("process_open_fds", "Open file descriptors.")
        let most = gauge("process_max_fds", "How many file descriptors may be open.")
        let start = gauge("process_start_time_seconds", "When this process started, in seconds since 1970.")
        beforeScrape {
            guard let figures = ProcessFigures.read() else { return }
            processorTime.set(figures.processorSeconds)
            memory.set(figures.residentBytes)
            open.set(figures.openFiles)
            most.set(figures.mostFiles)
            start.set(figures.startSeconds)
        }
    }
}

/// proc(5).
private struct ProcessFigures {
    var processorSeconds: Double
    var residentBytes: Double
    var openFiles: Double
    var mostFiles: Double
    var startSeconds: Double

    static func read() -> ProcessFigures? {
        // The name, in brackets, may have spaces and brackets itself.
        guard let stat = contents("/proc/self/stat"), let name = stat.lastIndex(of: ")") else { return nil }
        let fields = stat[stat.index(after: name)...].split(separator: " ")
        guard fields.count > 21, let user = Double(fields[11]), let system = Double(fields[12]),
            let ticksAtStart = Double(fields[19]), let pages = Double(fields[21]), let boot = bootTime()
        else { return nil }
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return ProcessFigures(
            processorSeconds: (user + system) / ticks,
            residentBytes: pages * Double(sysconf(Int32(_SC_PAGESIZE))),
            openFiles: Double(openFileCount()),
            mostFiles: limit.rlim_cur == .max ? .infinity : Double(limit.rlim_cur),
            startSeconds: boot + ticksAtStart / ticks
        )
    }

    private static func bootTime() -> Double? {
        contents("/proc/stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }.flatMap {
            Double($0.dropFirst(6))
        }
    }

    private static func openFileCount() -> Int {
        guard let folder = opendir("/proc/self/fd") else { return 0 }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        // Neither `.` and `..` nor the folder itself.
        return count - 3
    }

    private static func contents(_ path: String) -> String? {
        guard let file = fopen(path, "re") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += chunk[..<count]
        }
    }
}
