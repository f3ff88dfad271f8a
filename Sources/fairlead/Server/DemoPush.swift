/// The part of GitHub's push payload that says what happened.
struct DemoPush: Encodable {
    struct Repository: Encodable {
        let id = 1
        let name = "sample"
        let fullName = "demo/sample"
        let cloneURL: String
        let isPrivate = false

        private enum CodingKeys: String, CodingKey {
            case id, name
            case fullName = "full_name"
            case cloneURL = "clone_url"
            case isPrivate = "private"
        }
    }
    struct Commit: Encodable {
        struct Author: Encodable {
            let name = "Fairlead demo"
            let email = "demo@localhost"
        }
        let id: String
        let message: String
        let timestamp = "2026-01-01T00:00:00Z"
        let author = Author()
    }
    let ref = "refs/heads/main"
    let before = String(repeating: "0", count: 40)
    let after: String
    let created = false
    let deleted = false
    let forced = false
    let repository: Repository
    let headCommit: Commit
    let pusher = ["name": "demo", "email": "demo@localhost"]

    private enum CodingKeys: String, CodingKey {
        case ref, before, after, created, deleted, forced, repository, pusher
        case headCommit = "head_commit"
    }

    init(revision: String, message: String, url: String) {
        after = revision
        repository = Repository(cloneURL: url)
        headCommit = Commit(id: revision, message: message)
    }
}
