import FoundationEssentials
import Glibc
import Pipelines

/// Makes the demo's repository of what is on this machine.
struct DemoFiles: Sendable {
    /// The repository's working folder.
    let work: String
    let share: String

    func add(_ part: DemoApp.Part) async throws {
        switch part {
        case .folder(let from, let to): try copy("\(share)/\(from)", to: to.isEmpty ? work : "\(work)/\(to)")
        case .busybox(let to): try copy(try Self.busybox(), to: "\(work)/\(to)")
        case .program(let name, let below):
            let program = try Self.built(name)
            for library in try await libraries(of: program) { try copy(library, to: "\(work)/\(below)\(library)") }
            try copy(program, to: "\(work)/\(below)/usr/local/bin/\(name)")
        }
    }

    /// - Throws: ``DemoError`` if this machine has none.
    static func busybox() throws -> String {
        for path in ["/bin/busybox", "/usr/bin/busybox"] where FileManager.default.fileExists(atPath: path) {
            return path
        }
        throw DemoError(description: "busybox is missing: apt-get install busybox-static")
    }

    /// A program beside this one.
    private static func built(_ name: String) throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let path = "\(own[..<own.lastIndex(of: "/")!])/\(name)"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw DemoError(description: "\(path) is missing: swift build --product \(name)")
        }
        return path
    }

    /// The shared libraries of a program and its interpreter, as ldd(1) finds them: `name => path (address)`, or the path
    /// alone of the interpreter.
    private func libraries(of program: String) async throws -> [String] {
        let (result, output) = try await ChildProcess(ledger: nil, run: nil).capture(
            "ldd",
            [program],
            deadline: .seconds(30)
        )
        guard result.exitCode == 0 else { throw DemoError(description: "ldd \(program) failed: \(result.tail)") }
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
        if let missing = lines.first(where: { $0.contains("not found") }) {
            throw DemoError(description: "\(program) needs a library that is not here:\(missing)")
        }
        return lines.compactMap { line in
            line.split(separator: " ").map { String($0).trimmed }.first(where: { $0.hasPrefix("/") })
        }
    }

    /// What a link leads to, not the link: in the image it would lead nowhere.
    private func copy(_ from: String, to: String) throws {
        let files = FileManager.default
        try files.createDirectory(
            atPath: String(to[..<to.lastIndex(of: "/")!]),
            withIntermediateDirectories: true
        )
        var real = [CChar](repeating: 0, count: Int(PATH_MAX))
        guard realpath(from, &real) != nil else { throw DemoError(description: "\(from) cannot be read") }
        let source = real.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
        try files.copyItem(atPath: source, toPath: to)
    }
}
