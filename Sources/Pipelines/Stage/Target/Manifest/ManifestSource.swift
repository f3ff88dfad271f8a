/// Where an object of the manifests comes from, as messages name it.
struct ManifestSource: Sendable {
    /// Inside the repository.
    var file: String
    var line: Int
    /// `Deployment web`; empty as long as it is not known.
    var object: String

    /// `deploy/web.yaml:12: Deployment web`
    func at(_ line: Int?) -> String {
        "\(file):\(line ?? self.line)" + (object.isEmpty ? "" : ": \(object)")
    }
}

extension StageError {
    /// What the repository's manifests say cannot be: nothing of them was applied.
    static func manifest(_ code: String, _ message: String) -> StageError { StageError(.failed, code, message) }

    static func manifest(_ message: String) -> StageError { .manifest("manifest-invalid", message) }
}

/// What is read but cannot be honoured, in the order in which it was found, each sentence once.
final class ManifestWarnings {
    private(set) var all: [String] = []

    func add(_ text: String) {
        if !all.contains(text) { all.append(text) }
    }
}
