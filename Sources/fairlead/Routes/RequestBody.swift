import FoundationEssentials
import HTTPServer

extension Request {
    /// Reads a body of which every key is known: past a mistyped `{"revison": …}`, the head would be deployed.
    ///
    /// - Parameters:
    ///   - keys: those that `Body` reads.
    ///   - shape: what the body must be, for the caller to read.
    /// - Throws: ``Problem`` 400, with the key that nobody knows, or with `shape`.
    func decoded<Body: Decodable>(as _: Body.Type, keys: Set<String>, shape: String) throws -> Body {
        let data = Data(body)
        guard let given = try? JSONDecoder().decode(GivenKeys.self, from: data) else {
            throw Problem.badRequest("the body must be \(shape)")
        }
        if let unknown = given.names.subtracting(keys).min() {
            throw Problem.badRequest("\(unknown): no such key; the body must be \(shape)")
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: data) else {
            throw Problem.badRequest("the body must be \(shape)")
        }
        return body
    }
}

/// The names in a JSON object.
private struct GivenKeys: Decodable {
    let names: Set<String>

    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    init(from decoder: any Decoder) throws {
        names = Set(try decoder.container(keyedBy: Key.self).allKeys.map(\.stringValue))
    }
}
