import Glibc

/// One file of manifests, read.
struct ManifestFile {
    /// Inside the repository.
    var path: String
    var bytes: [UInt8]
}

/// Finds and reads the manifests that a pipeline names: files, and folders of which every `*.yaml` and `*.yml` is read
/// (as kubectl does: not those in folders below), sorted by name. A file that is named twice is read once.
struct ManifestFiles {
    /// More than the 1.5 MiB that a cluster takes in one object, so that what is too large is told with its name and line.
    static let maximumBytes = 4 << 20
    static let maximumTotal = 8 << 20
    static let maximumFiles = 200

    private let checkout: Checkout
    private var seen: Set<String> = []
    private var total = 0
    private(set) var files: [ManifestFile] = []

    /// - Parameter checkout: the folder with the revision; nothing outside it is read.
    init(checkout: String) throws {
        self.checkout = try Checkout(checkout)
    }

    mutating func add(_ path: String) throws {
        let found = try checkout.resolve(path)
        guard Checkout.isFolder(found) else { return try read(path, found) }
        let names: [String]
        do throws(ReadingError) {
            names = try listFolder(found)
        } catch {
            throw StageError.manifest("manifest-unreadable", "The folder \(quoted(path)) cannot be read")
        }
        let manifests = names.filter { $0.ends(with: ".yaml") || $0.ends(with: ".yml") }
        if manifests.isEmpty {
            throw StageError.manifest("manifest-missing", "The folder \(quoted(path)) holds no *.yaml or *.yml file")
        }
        for name in manifests {
            let inside = path == "." || path.isEmpty ? name : "\(FilePath.tidy(path))/\(name)"
            let target = try checkout.resolve(inside)
            if !Checkout.isFolder(target) { try read(inside, target) }
        }
    }

    private mutating func read(_ path: String, _ resolved: String) throws {
        guard seen.insert(resolved).inserted else { return }
        guard files.count < Self.maximumFiles else {
            throw StageError.manifest(
                "manifest-too-large",
                "There are more than \(Self.maximumFiles) files of manifests"
            )
        }
        let bytes: [UInt8]
        do throws(ReadingError) {
            bytes = try readFile(resolved, atMost: Self.maximumBytes)
        } catch {
            // The message of the error would name the folder of the checkout.
            switch error {
            case .tooLarge:
                throw StageError.manifest(
                    "manifest-too-large",
                    "\(quoted(path)) has more than \(Self.maximumBytes >> 20) MiB: put large files into the image or a volume"
                )
            case .notRegular, .isFolder:
                throw StageError.manifest("manifest-unreadable", "\(quoted(path)) is not a regular file")
            case .system(_, let code):
                throw StageError.manifest(
                    "manifest-unreadable",
                    "\(quoted(path)) cannot be read: \(String(cString: strerror(code)))"
                )
            }
        }
        total += bytes.count
        guard total <= Self.maximumTotal else {
            throw StageError.manifest(
                "manifest-too-large",
                "The manifests together have more than \(Self.maximumTotal >> 20) MiB"
            )
        }
        files.append(ManifestFile(path: FilePath.tidy(path), bytes: bytes))
    }
}
