import Foundation
import HTTPClient
import Testing

/// Expects that the request fails in this way.
func expectFailure(
    _ code: HTTPClientError.Code,
    of client: HTTPClient,
    _ request: HTTPRequest,
    sourceLocation: SourceLocation = #_sourceLocation
) async {
    await #expect(sourceLocation: sourceLocation) {
        _ = try await client.send(request)
    } throws: { error in
        (error as? HTTPClientError)?.code == code
    }
}

extension HTTPResponse {
    var text: String { String(decoding: body, as: UTF8.self) }
}

/// State that callbacks on another thread write and a test reads.
final class Recorder<Value: Sendable>: @unchecked Sendable {
    private let lock = NSLock()
    private var recorded: [Value] = []

    func add(_ value: Value) { lock.withLock { recorded.append(value) } }

    var values: [Value] { lock.withLock { recorded } }
}
