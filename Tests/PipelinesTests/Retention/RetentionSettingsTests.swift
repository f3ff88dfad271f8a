import Testing

@testable import Pipelines

@Suite("retention: in fairlead.yaml")
struct RetentionSettingsTests {
    private func read(_ text: String) throws -> Retention {
        try readServerSettings(file: "fairlead.yaml", contents: Array(text.utf8), environment: [:]).retention
    }

    @Test("Everything has a default, and a part of it can be said")
    func read() throws {
        #expect(try read("") == Retention())
        let text = """
            retention:
              runs: { count: 50, days: 30d }
              logs: { days: 7d }
              images: { count: 3 }
              releases: { count: 4 }
              mirrors: { days: 2d }
              cache: { days: 3d }
            """
        var expected = Retention()
        expected.runs = .init(count: 50, days: 30)
        expected.logs.days = 7
        expected.images.count = 3
        expected.releases = 4
        expected.mirrors = 2
        expected.cache = 3
        #expect(try read(text) == expected)
    }
}
