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

extension Definition.SmokeCheck: Codable {
    fileprivate enum CodingKeys: String, CodingKey {
        case name, get, post, put, patch, delete, headers, json, body, capture, expect, retryFor, retryEvery, tls
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let key = Method.allCases.map(\.key).first(where: container.contains) ?? .get
        let json = try container.decodeIfPresent(JSONValue.self, forKey: .json).map(Body.json)
        self.init(
            name: try container.decode(String.self, forKey: .name),
            method: Method(rawValue: key.rawValue) ?? .get,
            address: try container.decode(String.self, forKey: key),
            headers: try container.decode([String: String].self, forKey: .headers),
            body: try json ?? container.decodeIfPresent(String.self, forKey: .body).map(Body.text),
            capture: try container.decodeIfPresent([String: String].self, forKey: .capture) ?? [:],
            expect: try container.decode(Definition.Expectation.self, forKey: .expect),
            retryFor: try container.decode(Double.self, forKey: .retryFor),
            retryEvery: try container.decode(Double.self, forKey: .retryEvery),
            tls: try container.decodeIfPresent(TLS.self, forKey: .tls)
        )
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(address, forKey: method.key)
        try container.encode(headers, forKey: .headers)
        switch body {
        case .json(let value): try container.encode(value, forKey: .json)
        case .text(let text): try container.encode(text, forKey: .body)
        case nil: break
        }
        if !capture.isEmpty { try container.encode(capture, forKey: .capture) }
        try container.encode(expect, forKey: .expect)
        try container.encode(retryFor, forKey: .retryFor)
        try container.encode(retryEvery, forKey: .retryEvery)
        try container.encodeIfPresent(tls, forKey: .tls)
    }
}

extension Definition.SmokeCheck.Method {
    fileprivate var key: Definition.SmokeCheck.CodingKeys {
        switch self {
        case .get: .get
        case .post: .post
        case .put: .put
        case .patch: .patch
        case .delete: .delete
        }
    }
}
