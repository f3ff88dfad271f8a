import Foundation

/// The small service that the tests deploy, and the payload that announces it.
enum Sample {
    static func files(
        text: String = "Hello from version one.",
        dockerfile: String = Sample.dockerfile,
        manifests: String = Sample.manifests
    ) -> [String: String] {
        ["index.html": text + "\n", "Dockerfile": dockerfile, "k8s/web.yaml": manifests]
    }

    static let dockerfile = """
        FROM scratch
        COPY busybox /bin/busybox
        COPY index.html /www/index.html
        EXPOSE 8080
        CMD ["/bin/busybox", "httpd", "-f", "-p", "8080", "-h", "/www"]

        """

    static let manifests: String = {
        do {
            return try String(contentsOfFile: "\(World.root)/Tests/sample/web.yaml", encoding: .utf8)
        } catch {
            fatalError("the sample's manifests cannot be read: \(error)")
        }
    }()

    static func payload(
        _ revision: String,
        ref: String = "refs/heads/main",
        message: String = "A change",
        url: String,
        changing: ([String: Any]) -> [String: Any] = { $0 }
    ) throws -> [UInt8] {
        let commit: [String: Any] = [
            "id": revision, "tree_id": revision, "message": message, "timestamp": "2026-01-01T00:00:00Z",
            "author": ["name": "Test", "email": "test@localhost", "username": "test"],
        ]
        let payload: [String: Any] = [
            "ref": ref, "before": String(repeating: "0", count: 40), "after": revision, "created": false,
            "deleted": false, "forced": false, "compare": "", "commits": [commit], "head_commit": commit,
            "repository": [
                "id": 42, "name": "sample", "full_name": "test/sample", "private": false, "clone_url": url,
                "default_branch": "main",
            ],
            "pusher": ["name": "test", "email": "test@localhost"],
        ]
        return Array(try JSONSerialization.data(withJSONObject: changing(payload)))
    }
}
