/// SQL for all values of a column that leads an index. Leaps from one value to the next: each costs one look into the
/// index, however many rows it has, where SELECT DISTINCT would read them all.
///
/// - Parameters:
///   - source: the table, `INDEXED BY` its index.
///   - condition: that of a partial index, in its words.
func leap(over column: String, in source: String, where condition: String = "TRUE") -> String {
    """
    WITH RECURSIVE found (name) AS (
        SELECT min(\(column)) FROM \(source) WHERE \(condition)
        UNION ALL
        SELECT (SELECT min(\(column)) FROM \(source) WHERE \(condition) AND \(column) > found.name)
        FROM found WHERE found.name IS NOT NULL
    )
    SELECT name FROM found WHERE name IS NOT NULL
    """
}
