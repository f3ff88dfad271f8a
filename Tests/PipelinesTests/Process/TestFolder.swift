import Glibc

@testable import Pipelines

/// A fresh folder that goes with the test.
final class TestFolder: Sendable {
    let path: String

    init() throws {
        let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
        var template = Array("\(parent)/fl-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw StageError(.errored, "no-folder", "mkdtemp: errno \(errno)") }
        path = template.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
    }

    deinit { SmallFile.remove(path) }

    func write(_ text: String, to name: String, mode: mode_t = 0o644) throws {
        if let slash = name.lastIndex(of: "/") { try SmallFile.makeFolder("\(path)/\(name[..<slash])") }
        try SmallFile.write(text, to: "\(path)/\(name)", mode: mode)
    }
}
