import FoundationEssentials
import Git
import Signing

/// The mirror of a run's repository and the folder into which its revision is checked out.
///
/// Nothing depends on the folder: when it is gone, it is made again from the mirror.
struct Workspace: Sendable {
    private let source: Definition.Source
    private let needs: RunDependencies
    /// Absolute path of the checkout.
    let folder: String
    private let limits: FetchLimits

    init(run: Int64, definition: Definition, needs: RunDependencies) {
        self.init(name: "run-\(run)", definition: definition, needs: needs)
    }

    init(name: String, definition: Definition, needs: RunDependencies) {
        source = definition.source
        self.needs = needs
        folder = "\(needs.dataFolder)/checkouts/\(name)"
        limits = needs.fetchLimits
    }

    /// The repository's mirror, with credentials that are good for a while.
    var mirror: Mirror {
        get async throws {
            try Mirror(
                path: mirrorPath,
                url: source.url,
                credential: try await needs.gitCredential(for: source),
                caFile: needs.settings.git.caFile
            )
        }
    }

    private var mirrorPath: String { "\(needs.dataFolder)/mirrors/\(Self.mirrorName(source))" }

    /// Does what works with the mirror. If that fails and the mirror turns out to be damaged on this server's disk, as a
    /// power cut can leave it, it is thrown away, and the body does its work once more, with one that is fetched anew.
    func withSoundMirror<Result: Sendable>(
        log: any StageLog,
        _ body: () async throws -> Result
    ) async throws -> Result {
        do {
            return try await body()
        } catch let error as GitError where [.corrupt, .other, .revisionNotFound].contains(error.code) {
            guard try await Mirror.removeIfDamaged(mirrorPath) else { throw error }
            log.line("the mirror on this server's disk is damaged, so all of it is fetched again: \(error.message)")
            return try await body()
        }
    }

    /// The name of the mirror's folder.
    static func mirrorName(_ source: Definition.Source) -> String {
        String(SHA256Digest.hex(Array(source.url.utf8)).prefix(32))
    }

    /// Fetches `ref` and returns the revision that it points to.
    func head(of ref: String, progress: @escaping @Sendable (FetchProgress) -> Void) async throws -> String {
        let heads = try await mirror.fetch(refs: [ref], limits: limits, progress: progress)
        guard let head = heads[ref] else {
            throw GitError(.refNotFound, "\(ref) is not in the repository")
        }
        return head
    }

    /// Makes sure that `revision` is checked out in `folder`, whole. The server is asked only for one that the mirror does
    /// not have.
    func ensure(_ revision: String) async throws {
        let marker = "\(folder).revision"
        if let present = try? String(contentsOfFile: marker, encoding: .utf8), present == revision { return }
        try? FileManager.default.removeItem(atPath: folder)
        try FileManager.default.createDirectory(
            atPath: String(folder.prefix(upTo: folder.lastIndex(of: "/")!)),
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        let mirror = try await mirror
        try await mirror.fetch(revision: revision, limits: limits)
        try await mirror.checkOut(revision, into: folder, limits: limits)
        try revision.write(toFile: marker, atomically: true, encoding: .utf8)
    }

    /// Makes sure that `revision` is in the mirror, wherever its branch is by now.
    func keep(_ revision: String) async throws { try await mirror.fetch(revision: revision, limits: limits) }

    func remove() async {
        try? FileManager.default.removeItem(atPath: "\(folder).revision")
        try? FileManager.default.removeItem(atPath: folder)
    }
}
