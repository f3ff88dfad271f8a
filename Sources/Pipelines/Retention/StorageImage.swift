/// An image as `podman images` tells of it.
struct StorageImage: Decodable {
    /// 64 hexadecimal digits.
    var id: String
    /// What it is built upon; empty if that is nothing.
    var parent: String
    /// Of any kind, running or not.
    var containers: Int
    var digest: String?
    /// `repository@sha256:…`
    var references: [String]?
    var names: [String]?

    private enum CodingKeys: String, CodingKey {
        case id = "Id"
        case parent = "ParentId"
        case containers = "Containers"
        case digest = "Digest"
        case references = "RepoDigests"
        case names = "Names"
    }

    var digests: Set<String> {
        Set(
            (references ?? []).compactMap { $0.split(separator: "@").last.map(String.init) }
                + [digest].compactMap { $0 }
        )
    }

    /// It, and all that it is built upon.
    func line(in images: [String: StorageImage]) -> Set<String> {
        var line: Set = [id]
        var next = images[parent]
        while let image = next, line.insert(image.id).inserted { next = images[image.parent] }
        return line
    }
}
