/// What the lines before a metric's values say.
struct FamilyDescription: Sendable {
    let name: String
    let help: String
    let type: String
    let labelNames: [String]

    /// https://prometheus.io/docs/concepts/data_model/ ; colons are left to recording rules.
    func check() {
        precondition(isName(name), "\(name) is no name for a metric")
        precondition(!help.isEmpty, "the metric \(name) says nothing of itself")
        for label in labelNames {
            precondition(isName(label) && !label.hasPrefix("__"), "\(label) is no name for a label of \(name)")
        }
        precondition(Set(labelNames).count == labelNames.count, "\(name) has a label twice")
    }

    func writeHead(into text: inout String) {
        text += "# HELP \(name) \(escaped(help, quotes: false))\n# TYPE \(name) \(type)\n"
    }

    func labels(_ values: [String]) -> String {
        zip(labelNames, values).map { "\($0)=\"\(escaped($1, quotes: true))\"" }.joined(separator: ",")
    }
}

extension String {
    mutating func append(sample name: String, _ labels: String, _ value: String) {
        self += labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels)} \(value)\n"
    }
}

/// As Go's ParseFloat reads it; whole numbers without a fraction.
func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
    if let whole = Int(exactly: value) { return String(whole) }
    return String(value)
}

private func escaped(_ text: String, quotes: Bool) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\"" where quotes: result += "\\\""
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

private func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) else { return false }
    return text.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
