import Glibc
import Testing

@testable import Pipelines

/// A repository in a folder, with a busybox to build upon, and what a test asks of it.
struct Repository {
    let folder: TestFolder
    var path: String { folder.path }

    /// - Parameter dockerfile: of the context `app`; `FROM scratch` with a busybox is before it.
    init(_ dockerfile: String? = nil, files: [String: String] = [:]) throws {
        folder = try TestFolder()
        try SmallFile.makeFolder("\(path)/app")
        let busybox = try #require(SmallFile.read("/bin/busybox"), "busybox-static is not installed")
        try SmallFile.write(busybox, to: "\(path)/app/busybox", mode: 0o755)
        if let dockerfile { try folder.write(Self.base + dockerfile, to: "app/Dockerfile") }
        for (name, text) in files { try folder.write(text, to: name) }
    }

    static let base = """
        FROM scratch
        COPY busybox /bin/busybox
        RUN ["/bin/busybox", "--install", "/bin"]

        """

    static func image(_ name: String = "backend", dockerfile: String? = nil, target: String? = nil) -> Definition.Image
    {
        Definition.Image(name: name, context: "app", dockerfile: dockerfile, target: target, args: [:])
    }
}

extension ImageBuilder {
    /// With the test's usual words.
    func build(_ repository: Repository, log: any StageLog, seconds: Int = 60, fresh: Bool = false) async throws
        -> String
    {
        try await build(
            Repository.image(),
            folder: repository.path,
            commitTime: 1_700_000_000,
            log: log,
            deadline: .seconds(seconds),
            fresh: fresh
        )
    }
}

extension Podman {
    /// Everything that a build can leave: working containers, scratch folders, mounts.
    func leftovers() async throws -> [String] {
        let containers = try await lines(["ps", "--all", "--external", "--quiet"]).map { "container \($0)" }
        let scratch = BuildScratch.left(in: self).map { "folder \($0.folder)" }
        let mounts = (SmallFile.text("/proc/self/mountinfo") ?? "").split(separator: "\n")
            .filter { $0.contains(" \(folder)/tmp/") || ($0.contains(" \(folder)/") && $0.contains("/merged ")) }
        return containers + scratch + mounts.map { "mount \($0)" }
    }
}

/// The processes whose command line has the text, besides zombies.
func processes(with text: String) -> [Int32] {
    ProcessFolder.all().filter { pid in
        guard let stat = ProcessFolder.stat(of: pid), stat.state != "Z" else { return false }
        let line = SmallFile.read("/proc/\(pid)/cmdline") ?? []
        return String(decoding: line.map { $0 == 0 ? 32 : $0 }, as: UTF8.self).contains(text)
    }
}

/// A number that no other sleep of the machine uses: the mark of a test's processes.
func uniqueSleep() -> String { "\(Int.random(in: 100_000_000...999_999_999))" }
