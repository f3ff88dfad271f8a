/// Text of somebody else's as one line of at most `limit` characters.
func oneLine(_ text: String, limit: Int = 300) -> String {
    let line = text.split { $0.isWhitespace }.joined(separator: " ")
    return line.count <= limit ? line : line.prefix(limit - 1) + "…"
}

/// `1 replica`, `2 replicas`.
func plural(_ count: some BinaryInteger, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
}

/// Sentences about several things as one, of which the first few are told and the others counted.
func named(_ sentences: [String], atMost limit: Int = 5) -> String {
    let rest = sentences.count - limit
    let told = sentences.prefix(limit).joined(separator: "; ")
    return rest > 0 ? "\(told); and \(rest) more" : told
}
