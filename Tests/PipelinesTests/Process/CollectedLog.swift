@testable import Pipelines

/// A stage log in memory that a test can wait on.
final class CollectedLog: StageLog {
    private let bytes = Locked<[UInt8]>([])

    func write(_ chunk: [UInt8]) { bytes.withLock { $0.append(contentsOf: chunk) } }

    var text: String { String(decoding: bytes.withLock { $0 }, as: UTF8.self) }

    /// Returns when the text is there, or after 30 s, so that the test fails by what it expects next.
    func wait(for text: String) async {
        let end = ContinuousClock.now + .seconds(30)
        while !self.text.contains(text), ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
