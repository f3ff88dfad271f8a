import Signing

/// What goes into an image, as one digest: two builds with the same key give the same image.
struct ImageKey {
    /// 64 hexadecimal digits.
    let digest: String

    /// - Parameters:
    ///   - contextTree: git's id of the context's tree.
    ///   - bases: reference and image id of each base image.
    ///   - builder: podman's version.
    init(_ inputs: BuildInputs, contextTree: String, bases: [(String, String)], builder: String) {
        // Every part is written with its length, so that no two lists of parts look the same.
        var hasher = SHA256Digest.Hasher()
        func add(_ label: String, _ value: String) {
            hasher.update(Array("\(label) \(value.utf8.count)\n\(value)\n".utf8))
        }
        add("format", "1")
        add("tree", contextTree)
        for file in inputs.ignoreFiles { add("ignore \(file.name)", file.text) }
        add("dockerfile", inputs.image.dockerfile ?? "")
        add("dockerfile text", inputs.dockerfileText)
        for (name, value) in inputs.image.args.sorted(by: { $0.key < $1.key }) { add("arg \(name)", value) }
        add("target", inputs.image.target ?? "")
        add("platform", inputs.platform)
        add("builder", builder)
        for (reference, id) in bases.sorted(by: { $0.0 < $1.0 }) { add("base \(reference)", id) }
        digest = hasher.finalizeHex()
    }
}
