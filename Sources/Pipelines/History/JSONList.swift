extension Collection<Int64> {
    /// For SQLite's `json_each`: a list of any length is one argument of a statement.
    var jsonList: String { "[" + map(String.init).joined(separator: ",") + "]" }
}
