import FoundationEssentials
import HTTPClient

/// Sends requests to the API, waits when it is told to, and puts refusals into words.
struct Requests: Sendable {
    let token: String
    let api: String
    let client: HTTPClient
    let deadline: Duration

    /// Lists are read to their end, this many items a page: the most that DigitalOcean allows.
    static let pageSize = 200
    /// A list of more pages is not one of ours.
    static let maximumPages = 50
    /// Before the first try after a refusal that names no time; doubled each time, with jitter.
    static let firstPause: Duration = .milliseconds(500)

    func get<Answer: Decodable>(_ path: String, about what: String) async throws(DigitalOceanError) -> Answer {
        let response = try await send("GET", path, about: what)
        do {
            return try JSONDecoder().decode(Answer.self, from: Data(response.body))
        } catch {
            throw DigitalOceanError(.unreachable, "the answer of \(api) about \(what) is not one of DigitalOcean's API")
        }
    }

    /// Every page of a list. A page that repeats what was there is the last.
    func list<Page: Decodable, Item>(
        _ path: String,
        about what: String,
        _ items: (Page) -> [Item]
    ) async throws(DigitalOceanError) -> [Item] {
        var all: [Item] = []
        for number in 1...Self.maximumPages {
            let page: Page = try await get("\(path)?page=\(number)&per_page=\(Self.pageSize)", about: what)
            let found = items(page)
            all += found
            if found.count < Self.pageSize { break }
        }
        return all
    }

    /// Asks until there is an answer that is neither 429 nor 5xx, or the deadline is over.
    ///
    /// - Throws: ``DigitalOceanError`` for every status from 400 on.
    func send(_ method: String, _ path: String, about what: String) async throws(DigitalOceanError) -> HTTPResponse {
        let end = ContinuousClock.now + deadline
        var pause = Self.firstPause
        while true {
            let failure: DigitalOceanError
            var wait = pause * Double.random(in: 0.5...1)
            do {
                let response = try await client.send(request(method, path, until: end))
                guard response.status >= 400 else { return response }
                failure = Refusal(response).error(about: what)
                if let told = response.pause { wait = max(wait, told) }
            } catch let error as HTTPClientError {
                guard error.code != .cancelled else { throw DigitalOceanError(.unreachable, "cancelled") }
                failure = DigitalOceanError(.unreachable, "\(api) cannot be reached: \(error.message)")
            } catch {
                failure = DigitalOceanError(.unreachable, "\(api) cannot be reached: \(error)")
            }
            guard failure.isTransient, isRepeatable(method), ContinuousClock.now + wait < end else { throw failure }
            do { try await Task.sleep(for: wait) } catch { throw failure }
            pause *= 2
        }
    }

    /// What was started once must not be started again because an answer got lost.
    private func isRepeatable(_ method: String) -> Bool { method != "POST" }

    private func request(_ method: String, _ path: String, until end: ContinuousClock.Instant) -> HTTPRequest {
        HTTPRequest(
            method: method,
            url: api + path,
            headers: [("Authorization", "Bearer \(token)"), ("Accept", "application/json")],
            deadline: max(.milliseconds(1), end - .now)
        )
    }
}

/// A status from 400 on.
private struct Refusal {
    let status: Int
    let message: String
    let requestID: String?

    init(_ response: HTTPResponse) {
        struct Body: Decodable {
            var message: String?
            var requestID: String?
            enum CodingKeys: String, CodingKey {
                case message
                case requestID = "request_id"
            }
        }
        let body = try? JSONDecoder().decode(Body.self, from: Data(response.body))
        status = response.status
        // What DigitalOcean says becomes part of a sentence in a log: one line of it.
        message = String((body?.message ?? "status \(response.status)").prefix { !$0.isNewline }.prefix(300))
        requestID = body?.requestID ?? response.header("x-request-id")
    }

    func error(about what: String) -> DigitalOceanError {
        func error(_ code: DigitalOceanError.Code, _ text: String) -> DigitalOceanError {
            DigitalOceanError(code, text, requestID: requestID)
        }
        switch status {
        case 401:
            return error(
                .unauthorized,
                "DigitalOcean does not accept the token (asked for \(what)): make a new one under API → Tokens"
            )
        case 403:
            return error(.forbidden, "the DigitalOcean token may not do this (\(what)): \(message)")
        case 404: return error(.notFound, "DigitalOcean knows nothing of \(what)")
        case 409, 412: return error(.conflict, "DigitalOcean cannot do this now (\(what)): \(message)")
        case 429:
            return error(.tooManyRequests, "DigitalOcean's rate limit is used up (\(what)): wait, or ask for less")
        case 500...: return error(.serverError, "DigitalOcean has a fault (\(what)): \(message)")
        default: return error(.invalid, "DigitalOcean refuses the request (\(what)): \(message)")
        }
    }
}

extension HTTPResponse {
    /// What the server says to wait for: `Retry-After` in seconds, or on 429 until `ratelimit-reset` (seconds since
    /// 1970) if nothing remains.
    fileprivate var pause: Duration? {
        if let seconds = header("Retry-After").flatMap(Int.init), seconds >= 0 { return .seconds(seconds) }
        guard status == 429, header("ratelimit-remaining") == "0",
            let reset = header("ratelimit-reset").flatMap(Double.init)
        else { return nil }
        // By DigitalOcean's clock: ours may be set to something else.
        return .seconds(max(0, reset - (date.map(Double.init) ?? Date().timeIntervalSince1970)))
    }
}
