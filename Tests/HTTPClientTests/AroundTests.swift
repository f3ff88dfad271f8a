import HTTPClient
import Testing

@Suite struct AroundTests {
    @Test func whatGoesAroundATasksRequestsMayChangeThem() async throws {
        let server = try SocketServer { _ in }
        _ = server
    }
}
