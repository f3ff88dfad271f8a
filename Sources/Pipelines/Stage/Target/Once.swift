/// Makes a thing when it is first asked for, and gives the same one from then on. After a failure it is tried again.
actor Once<Value: Sendable> {
    private let make: @Sendable () async throws -> Value
    private var made: Value?

    init(_ make: @escaping @Sendable () async throws -> Value) { self.make = make }

    func value() async throws -> Value {
        if let made { return made }
        let value = try await make()
        made = value
        return value
    }
}
