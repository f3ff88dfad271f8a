import Glibc

/// The files of one image's build, found inside the checked-out folder.
struct BuildInputs: Sendable {
    let image: Definition.Image
    /// Absolute, without symbolic links.
    let context: String
    let dockerfile: String
    let dockerfileText: String
    /// Ignore files that podman would read, with their content.
    let ignoreFiles: [(name: String, text: String)]
    let containerfile: Containerfile
    /// What is built for: `linux/amd64`.
    let platform: String

    /// - Throws: `StageError` (failed): `context-missing`, `context-outside`, `dockerfile-missing`,
    ///   `dockerfile-outside`, `dockerfile-refused`.
    init(_ image: Definition.Image, folder: String, platform: String = Self.platform) throws {
        self.image = image
        self.platform = platform
        let root = try SmallFile.canonical(folder)
        let context = try Self.inside(root, image.context, image, "context")
        guard Self.isFolder(context) else {
            throw Self.error(image, "context-missing", "its context \(image.context) is not a folder")
        }
        self.context = context
        let named = image.dockerfile.map { [$0] } ?? ["Containerfile", "Dockerfile"].map { "\(image.context)/\($0)" }
        guard let name = named.first(where: { SmallFile.exists("\(root)/\($0)") }) else {
            let looked = image.dockerfile ?? "Dockerfile or Containerfile in \(image.context)"
            throw Self.error(
                image,
                "dockerfile-missing",
                "there is no \(looked) in the repository; add one, or mend images.\(image.name)"
            )
        }
        dockerfile = try Self.inside(root, name, image, "dockerfile")
        // podman sends files of this name through the C preprocessor, which includes any file of this machine.
        if name.hasSuffix(".in") || dockerfile.hasSuffix(".in") {
            throw Self.error(image, "dockerfile-refused", "\(name): the preprocessed form (.in) is not supported")
        }
        guard !Self.isFolder(dockerfile), let bytes = SmallFile.read(dockerfile) else {
            throw Self.error(image, "dockerfile-missing", "\(name) is not a file")
        }
        // What podman would read and we do not could hold anything.
        guard bytes.count < SmallFile.limit, let text = String(validating: bytes, as: UTF8.self) else {
            throw Self.error(image, "dockerfile-refused", "\(name) is not UTF-8, or has 4 MiB or more")
        }
        dockerfileText = text
        ignoreFiles = try ["\(context)/", "\(dockerfile)"].flatMap { prefix in
            try [".containerignore", ".dockerignore"].compactMap { suffix -> (String, String)? in
                let path = prefix + suffix
                guard SmallFile.exists(path) else { return nil }
                let real = try Self.inside(root, String(path.dropFirst(root.count + 1)), image, "ignore file")
                return (suffix, SmallFile.text(real) ?? "")
            }
        }
        containerfile = Containerfile(text, arguments: image.args, platform: platform)
    }

    /// This machine's.
    static let platform: String = {
        var name = utsname()
        uname(&name)
        let machine = withUnsafeBytes(of: &name.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return "linux/" + (["x86_64": "amd64", "aarch64": "arm64"][machine] ?? machine)
    }()

    private static func isFolder(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The real path of something in the repository; symbolic links may point about inside of it, not out of it.
    private static func inside(_ root: String, _ path: String, _ image: Definition.Image, _ what: String) throws
        -> String
    {
        guard let real = try? SmallFile.canonical("\(root)/\(path)") else {
            throw error(
                image,
                "\(what)-missing",
                "its \(what) \(path) is not in the repository; add it, or mend images.\(image.name)"
            )
        }
        guard real == root || real.hasPrefix(root + "/") else {
            throw error(image, "\(what)-outside", "its \(what) \(path) leads out of the repository")
        }
        return real
    }

    private static func error(_ image: Definition.Image, _ code: String, _ message: String) -> StageError {
        StageError(.failed, code.split(separator: " ").joined(separator: "-"), "image \(image.name): \(message)")
    }
}
