import FoundationEssentials
import HTTPClient

/// Asks a registry with a user's password, also one that wants a token for it first (the distribution project's token
/// authentication: a 401 names where tokens are had, for which service and scope).
struct RegistryQuestion: Sendable {
    let client: HTTPClient
    /// For each of up to three requests.
    var deadline = Duration.seconds(30)

    /// - Parameter headers: with `Authorization: Basic …` where there are credentials.
    /// - Returns: the answer's status and body; of who gives out tokens, if that is what fails.
    func ask(
        _ method: String,
        _ url: String,
        _ headers: [(String, String)]
    ) async throws -> (status: Int, body: [UInt8]) {
        let answer = try await send(method, url, headers)
        let challenges = answer.headers.filter { $0.0.lowercased() == "www-authenticate" }.compactMap {
            Challenge($0.1)
        }
        guard answer.status == 401, let challenge = challenges.first, challenge.isSafe(for: url) else {
            return (answer.status, answer.body)
        }
        let grant = try await grant(challenge, headers)
        // A fault there is none of our credentials'.
        if grant.status == 429 || grant.status >= 500 { return (grant.status, grant.body) }
        guard let token = token(in: grant) else { return (answer.status, answer.body) }
        let others = headers.filter { $0.0.lowercased() != "authorization" }
        let second = try await send(method, url, others + [("Authorization", "Bearer \(token)")])
        return (second.status, second.body)
    }

    private func send(_ method: String, _ url: String, _ headers: [(String, String)]) async throws -> HTTPResponse {
        try await client.send(HTTPRequest(method: method, url: url, headers: headers, deadline: deadline))
    }

    /// The credentials go to whom the registry names, as docker sends them: it has them already.
    private func grant(_ challenge: Challenge, _ headers: [(String, String)]) async throws -> HTTPResponse {
        let credentials = headers.filter { $0.0.lowercased() == "authorization" }
        do {
            return try await send("GET", challenge.url, credentials)
        } catch let error as HTTPClientError where error.code != .cancelled {
            throw Unreachable(description: "it sends for a token to \(challenge.realm), and there: \(error)")
        }
    }

    private struct Unreachable: Error, CustomStringConvertible { let description: String }

    private func token(in response: HTTPResponse) -> String? {
        struct Answer: Decodable {
            var token: String?
            var accessToken: String?
            enum CodingKeys: String, CodingKey {
                case token
                case accessToken = "access_token"
            }
        }
        guard response.status == 200 else { return nil }
        let answer = try? JSONDecoder().decode(Answer.self, from: Data(response.body))
        return answer?.token ?? answer?.accessToken
    }
}

/// `Bearer realm="https://auth.example/token",service="registry",scope="repository:a/b:pull"`.
struct Challenge: Equatable {
    let realm: String
    let service: String?
    let scope: String?

    init?(_ header: String) {
        guard header.lowercased().hasPrefix("bearer ") else { return nil }
        var values: [String: String] = [:]
        var rest = header.dropFirst(7)
        while let equals = rest.firstIndex(of: "=") {
            let name = rest[..<equals].filter { $0 != " " && $0 != "," }.lowercased()
            rest = rest[rest.index(after: equals)...]
            if rest.first == "\"" {
                rest = rest.dropFirst()
                values[name] = String(rest.prefix { $0 != "\"" })
                rest = rest.drop { $0 != "\"" }.dropFirst()
            } else {
                values[name] = String(rest.prefix { $0 != "," && $0 != " " })
                rest = rest.drop { $0 != "," }
            }
        }
        guard let realm = values["realm"], realm.hasPrefix("https://") || realm.hasPrefix("http://") else { return nil }
        self.realm = realm
        service = values["service"]
        scope = values["scope"]
    }

    /// Credentials that were sent encrypted do not go on in the clear.
    func isSafe(for url: String) -> Bool { realm.hasPrefix("https://") || !url.hasPrefix("https://") }

    var url: String {
        let pairs = [("service", service), ("scope", scope)].compactMap { name, value in
            value.map { "\(name)=\($0.percentEncoded)" }
        }
        return pairs.isEmpty ? realm : realm + (realm.contains("?") ? "&" : "?") + pairs.joined(separator: "&")
    }
}
