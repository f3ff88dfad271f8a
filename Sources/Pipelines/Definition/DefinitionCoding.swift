// The JSON of the enumerations with values, spelled as in a pipeline's file. A run's definition is kept in this form,
// so a change here must still read what was written before: the golden file of the tests pins it.

extension Definition.Registry {
    private enum CodingKeys: String, CodingKey { case embedded, address, digitalocean, retention }
    private struct Retention: Codable { var keep: Int }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let name = try container.decodeIfPresent(String.self, forKey: .digitalocean) {
            self = .digitalocean(name, keep: try container.decodeIfPresent(Retention.self, forKey: .retention)?.keep)
        } else {
            self = try container.decodeIfPresent(String.self, forKey: .address).map(Self.address) ?? .embedded
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .embedded: _ = container.nestedContainer(keyedBy: CodingKeys.self, forKey: .embedded)
        case .address(let address): try container.encode(address, forKey: .address)
        case .digitalocean(let name, let keep):
            try container.encode(name, forKey: .digitalocean)
            try container.encodeIfPresent(keep.map(Retention.init), forKey: .retention)
        }
    }
}

extension Definition.SecretSource {
    private enum CodingKeys: String, CodingKey { case env, file }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let variable = try container.decodeIfPresent(String.self, forKey: .env) {
            self = .environment(variable)
        } else {
            self = .file(try container.decode(String.self, forKey: .file))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .environment(let variable): try container.encode(variable, forKey: .env)
        case .file(let path): try container.encode(path, forKey: .file)
        }
    }
}

extension Definition.JSONScalar {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let flag = try? container.decode(Bool.self) {
            self = .bool(flag)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else {
            self = .string(try container.decode(String.self))
        }
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .string(let text): try container.encode(text)
        case .number(let number): try container.encode(number)
        case .bool(let flag): try container.encode(flag)
        case .null: try container.encodeNil()
        }
    }
}
