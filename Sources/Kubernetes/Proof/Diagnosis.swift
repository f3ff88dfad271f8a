/// What went wrong with a release, told before anything of it is undone.
public struct Diagnosis: Sendable, Hashable {
    /// "backend: CrashLoopBackOff, exit 1, `DATABASE_URL is not set`".
    public var sentence: String
    /// For the log: states of containers, events, last lines.
    public var lines: [String]

    public init(sentence: String, lines: [String]) {
        self.sentence = sentence
        self.lines = lines
    }

    /// - Parameters:
    ///   - workload: the name of what the pods belong to.
    ///   - trouble: the worst that was found in its pods.
    ///   - log: the last lines of the container, oldest first.
    /// - Returns: the reason in one sentence.
    public static func sentence(workload: String, trouble: PodTrouble, log: [String]) -> String {
        let container = trouble.container ?? workload
        let name = container == workload ? workload : "\(workload)/\(container)"
        let said = tellingLine(log).map { "`\($0)`" }
        var parts = [trouble.reason]
        if let exitCode = trouble.exitCode { parts.append("exit \(exitCode)") }
        if let signal = trouble.signal { parts.append("signal \(signal)") }
        if let words = said ?? (trouble.message.isEmpty ? nil : oneLine(trouble.message)) { parts.append(words) }
        return "\(name): \(parts.joined(separator: ", "))"
    }

    /// The line of a log that says why: the last one, unless that only trails what was said before.
    static func tellingLine(_ log: [String]) -> String? {
        let lines = log.filter { !$0.allSatisfy(\.isWhitespace) }
        if let panic = lines.last(where: { $0.hasPrefix("panic: ") || $0.hasPrefix("fatal error: ") }) {
            return oneLine(panic, limit: 200)
        }
        let line = lines.last { !isTrailer($0) } ?? lines.last
        return line.map { oneLine($0, limit: 200) }
    }

    /// Frames of a trace, and what runtimes write after one.
    private static func isTrailer(_ line: String) -> Bool {
        if line.first?.isWhitespace ?? false { return true }
        if ["}", "]", ")"].contains(line) { return true }
        return ["Node.js v", "exit status ", "npm ERR!", "npm error", "note: run with", "goroutine "].contains {
            line.hasPrefix($0)
        }
    }

    /// What the cluster's own warnings about an object say, newest last, each once.
    ///
    /// - Parameter events: of kind Event, core or events.k8s.io.
    public static func warnings(_ events: [JSON], about names: Set<String>) -> [String] {
        let warnings = events.filter {
            let subject = $0["involvedObject"] ?? $0["regarding"]
            return $0["type"]?.string == "Warning" && names.contains(subject?["name"]?.string ?? "")
        }
        var seen: Set<String> = []
        return warnings.sorted { $0.eventTime < $1.eventTime }.compactMap { event in
            let subject = event["involvedObject"] ?? event["regarding"]
            let object = "\(subject?["kind"]?.string ?? "") \(subject?["name"]?.string ?? "")"
            let message = oneLine(event["message"]?.string ?? event["note"]?.string ?? "")
            let line = "\(object): \(event["reason"]?.string ?? ""): \(message)"
            return seen.insert(line).inserted ? line : nil
        }
    }
}

extension JSON {
    fileprivate var eventTime: String {
        self["lastTimestamp"]?.string ?? self["eventTime"]?.string ?? self[["metadata", "creationTimestamp"]]?.string
            ?? ""
    }
}
