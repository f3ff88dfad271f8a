import Foundation
import GitHub

/// A push payload as text whose parts a test can replace.
struct Payload {
    /// Top-level members in order: name and JSON.
    var members: [(name: String, json: String)] = [
        ("ref", #""refs/heads/main""#),
        ("before", "\"\(Self.before)\""),
        ("after", "\"\(Self.after)\""),
        ("created", "false"),
        ("deleted", "false"),
        ("forced", "true"),
        ("compare", #""https://github.com/acme/todo/compare/a...b""#),
        (
            "head_commit",
            """
            {"id": "\(Self.after)", "message": "Mend \\u2014 it \\ud83d\\ude80", "timestamp": "2026-01-02T03:04:05+01:00",
             "author": {"name": "Ada", "email": "ada@example.com", "username": "ada"}}
            """
        ),
        (
            "repository",
            """
            {"id": 186853002, "name": "todo", "full_name": "acme/todo", "private": true,
             "owner": {"id": 7, "login": "acme"}, "html_url": "https://github.com/acme/todo",
             "clone_url": "https://github.com/acme/todo.git", "git_url": "git://github.com/acme/todo.git",
             "ssh_url": "git@github.com:acme/todo.git", "default_branch": "main"}
            """
        ),
        ("pusher", #"{"name": "ada", "email": "ada@example.com"}"#),
        ("sender", #"{"login": "ada", "id": 9}"#),
    ]

    static let before = "6113728f27ae82c7b1a177c8d03f9e96e0adf246"
    static let after = "1913ef35b887089c165dfaf978f7ab1376f49027"
    static let zeros = String(repeating: "0", count: 40)

    /// Replaces a member's JSON (adding it if it is not there) or, with nil, takes the member out. A path of two names
    /// reaches into an object.
    mutating func set(_ path: String, _ json: String?) {
        let names = path.split(separator: ".").map(String.init)
        guard names.count == 2 else {
            members.removeAll { $0.name == path }
            if let json { members.append((path, json)) }
            return
        }
        guard let index = members.firstIndex(where: { $0.name == names[0] }) else { return }
        members[index].json = Self.edited(members[index].json, names[1], json)
    }

    func setting(_ path: String, _ json: String?) -> Payload {
        var copy = self
        copy.set(path, json)
        return copy
    }

    var bytes: [UInt8] {
        Array("{\(members.map { "\"\($0.name)\": \($0.json)" }.joined(separator: ",\n"))}".utf8)
    }

    func decode() throws -> PushEvent? {
        try decodePush(bytes)
    }

    private static func edited(_ object: String, _ name: String, _ json: String?) -> String {
        var members = (try? JSONSerialization.jsonObject(with: Data(object.utf8))) as? [String: Any] ?? [:]
        members[name] = nil
        let rest = (try? JSONSerialization.data(withJSONObject: members, options: [.sortedKeys])) ?? Data()
        guard let json else { return String(decoding: rest, as: UTF8.self) }
        let separator = members.isEmpty ? "" : ","
        return "{\"\(name)\": \(json)\(separator)" + String(decoding: rest.dropFirst(), as: UTF8.self)
    }
}

func decodePush(_ bytes: [UInt8], contentType: String = "application/json") throws -> PushEvent? {
    guard case .push(let push) = try decodeWebhook(event: "push", contentType: contentType, body: bytes) else {
        return nil
    }
    return push
}
