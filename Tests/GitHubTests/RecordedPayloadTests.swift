import Foundation
import GitHub
import Testing

/// Payloads that GitHub published as examples, and some edited from them.
@Suite(.enabled(if: Recordings.folder != nil, "no shared/contracts beside the package, and no FAIRLEAD_CONTRACTS"))
struct RecordedPayloadTests {
    @Test(arguments: Recordings.all)
    func decodes(recording: Recording) throws {
        let body = try recording.body()
        let event = try decodeWebhook(event: recording.event, contentType: "application/json", body: body)
        switch (recording.event, event) {
        case ("push", .push(let push)): try check(push, against: body)
        case ("ping", .ping(let hookID, let zen)):
            #expect(hookID == 109_948_940)
            #expect(zen == "Anything added dilutes everything else.")
        case (let name, .other(let other)): #expect(name == other)
        default: Issue.record("\(recording.event) became \(event)")
        }
    }

    @Test func areThere() {
        #expect(Recordings.all.count { $0.event == "push" } >= 15)
        #expect(Recordings.all.count { $0.event == "ping" } == 3)
    }

    @Test(arguments: [
        ("push.by-github-actions-skip-ci.json", "[skip ci]"), ("push.branch-update.json", nil),
        ("push.branch-deleted.json", nil),
    ])
    func skipMarker(name: String, marker: String?) throws {
        let recording = try #require(Recordings.all.first { $0.name == name })
        #expect(try #require(try decodePush(recording.body())).skipMarker == marker)
    }

    /// Against Foundation's reading of the same bytes.
    private func check(_ push: PushEvent, against body: [UInt8]) throws {
        let json = try #require(try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any])
        let repository = try #require(json["repository"] as? [String: Any])
        let commit = json["head_commit"] as? [String: Any]
        let author = commit?["author"] as? [String: Any]
        #expect(push.ref == json["ref"] as? String)
        #expect(push.before == json["before"] as? String)
        #expect(push.after == json["after"] as? String)
        #expect(push.created == json["created"] as? Bool)
        #expect(push.deleted == json["deleted"] as? Bool)
        #expect(push.forced == json["forced"] as? Bool)
        #expect(push.compare == json["compare"] as? String)
        #expect(push.pusher == (json["pusher"] as? [String: Any])?["name"] as? String)
        #expect(push.sender == (json["sender"] as? [String: Any])?["login"] as? String)
        #expect(push.repository.id == (repository["id"] as? NSNumber)?.int64Value)
        #expect(push.repository.fullName == repository["full_name"] as? String)
        #expect(push.repository.cloneURL == repository["clone_url"] as? String)
        #expect(push.repository.gitURL == repository["git_url"] as? String)
        #expect(push.repository.sshURL == repository["ssh_url"] as? String)
        #expect(push.repository.htmlURL == repository["html_url"] as? String)
        #expect(push.repository.defaultBranch == repository["default_branch"] as? String)
        #expect(push.repository.isPrivate == repository["private"] as? Bool)
        #expect((push.headCommit == nil) == (commit == nil))
        #expect(push.headCommit?.id == commit?["id"] as? String)
        #expect(push.headCommit?.message == commit?["message"] as? String)
        #expect(push.headCommit?.timestamp == commit?["timestamp"] as? String)
        #expect(push.headCommit?.authorName == author?["name"] as? String)
        #expect(push.headCommit?.authorUsername == author?["username"] as? String)
    }
}

struct Recording: Sendable, CustomTestStringConvertible {
    let event: String
    let path: String

    var name: String { String(path[path.index(after: path.lastIndex(of: "/")!)...]) }
    var testDescription: String { "\(event) \(name)" }

    func body() throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }
}

enum Recordings {
    static let folder: String? = {
        let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let contracts =
            ProcessInfo.processInfo.environment["FAIRLEAD_CONTRACTS"]
            ?? package.deletingLastPathComponent().appendingPathComponent("shared/contracts").path
        let folder = contracts + "/github-webhooks"
        return FileManager.default.fileExists(atPath: folder + "/payloads") ? folder : nil
    }()

    /// `payloads/EVENT/….json` and `derived/EVENT.….json`.
    static let all: [Recording] = {
        guard let folder, let paths = FileManager.default.enumerator(atPath: folder) else { return [] }
        return paths.compactMap { $0 as? String }.filter { $0.hasSuffix(".json") }.sorted().compactMap { path in
            let parts = path.split(separator: "/")
            switch parts.first {
            case "payloads": return Recording(event: String(parts[1]), path: "\(folder)/\(path)")
            case "derived": return Recording(event: String(parts[1].prefix { $0 != "." }), path: "\(folder)/\(path)")
            default: return nil
            }
        }
    }()
}
