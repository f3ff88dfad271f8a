import Foundation
import Pipelines

/// A pipeline that is in order, and variations of it.
enum Sample {
    static let pipeline = """
        name: todo
        source:
          github: acme/todo
          branch: main
        images:
          backend: { context: backend }
        deploy:
          podman: {}
          manifests: [deploy/k8s]

        """

    /// The sample with one text in place of another, which must be in it.
    static func pipeline(_ old: String, _ new: String) -> String {
        precondition(pipeline.contains(old), "not in the sample: \(old)")
        return pipeline.replacingOccurrences(of: old, with: new)
    }

    /// The sample with more lines at its end.
    static func pipeline(adding lines: String) -> String { pipeline + lines + "\n" }
}

/// The faults that the reader finds in a pipeline's text; none if it is in order.
func pipelineFaults(_ text: String) -> [Fault] { pipelineFaults(Array(text.utf8)) }

func pipelineFaults(_ bytes: [UInt8]) -> [Fault] {
    do {
        _ = try readPipeline(file: "p.yaml", contents: bytes)
        return []
    } catch let error as DefinitionFaults {
        return error.faults
    } catch {
        return [Fault(file: "", line: 0, column: 0, message: "another error: \(error)")]
    }
}

/// The root of the package.
let packageRoot: URL = {
    var url = URL(filePath: #filePath)
    for _ in 0..<4 { url.deleteLastPathComponent() }
    return url
}()

/// A folder that is gone when `body` returns.
func withTemporaryFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
    let folder = FileManager.default.temporaryDirectory.appending(path: "fairlead-definition-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder.path)
}

func write(_ text: String, to path: String, mode: Int = 0o600) throws {
    try Data(text.utf8).write(to: URL(filePath: path))
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
}

/// The same numbers in every run (SplitMix64), so that what fails once fails again.
struct SeededRandom: RandomNumberGenerator {
    private var state: UInt64 = 20_240_901

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
