/// A value of a JSON object that a client sent, of which only texts and flags are looked into. What else it holds is not
/// walked through: an object in an object in an object, hundreds deep, would keep the processor busy for seconds.
public enum JSONField: Decodable, Sendable, Equatable {
    case text(String)
    case bool(Bool)
    /// Null, a number, a list or an object.
    case other

    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .text(text)
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else {
            self = .other
        }
    }
}
