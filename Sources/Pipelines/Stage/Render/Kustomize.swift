/// `kustomize build`, or the same inside kubectl.
struct Kustomize {
    /// The programs that will do, in the order in which they are looked for.
    static let programs = ["kustomize", "kubectl"]

    let tools: RenderTools
    let checkout: Checkout
    var programs = Self.programs

    private static let names = ["kustomization.yaml", "kustomization.yml", "Kustomization"]
    /// Of a kustomization: files and folders that may lie outside its own folder.
    private static let references = [
        "resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators",
    ]
    private static let maximumFolders = 500

    func build(_ path: String, log: any StageLog, deadline: Duration) async throws -> ManifestFile {
        let folder = try checkout.resolve(path)
        try check(folder)
        let (name, program) = try RenderTools.find(programs, for: "kustomize")
        let what = "kustomize \(FilePath.tidy(path))"
        let output = try await tools.run(program, what: what, checkout: checkout, log: log, deadline: deadline) { _ in
            [name == "kubectl" ? "kustomize" : "build", folder]
        }
        return ManifestFile(path: what, bytes: output)
    }

    /// Goes through the kustomization and those that it is made of. kustomize itself lets a kustomization read files of
    /// its own folder alone, but other kustomizations from anywhere, also from the network.
    private func check(_ folder: String) throws {
        var waiting = [folder]
        var seen: Set<String> = []
        while let next = waiting.popLast() {
            guard seen.insert(next).inserted else { continue }
            guard seen.count <= Self.maximumFolders else {
                throw StageError.manifest("manifest-too-large", "More than \(Self.maximumFolders) kustomizations")
            }
            try checkout.refuseLinksOut(below: next)
            let (path, document) = try kustomization(in: next)
            for key in Self.references {
                for entry in document[key]?.items ?? [] {
                    guard let reference = entry.text else { continue }
                    // Patches and objects may be written out in place of a path.
                    if reference.utf8.contains(UInt8(ascii: "\n")) { continue }
                    let place = "\(path):\(entry.place.line)"
                    let found = try resolve(reference, from: next, place)
                    if Checkout.isFolder(found) { waiting.append(found) }
                }
            }
        }
    }

    private func kustomization(in folder: String) throws -> (path: String, document: Value) {
        let found = Self.names.map { "\(folder)/\($0)" }.filter { SmallFile.exists($0) }
        guard let first = found.first, found.count == 1 else {
            let fault = found.isEmpty ? "holds no kustomization.yaml" : "holds more than one kustomization"
            throw StageError.manifest("manifest-missing", "The folder \(quoted(checkout.inside(folder))) \(fault)")
        }
        var files = try ManifestFiles(checkout: checkout.root)
        try files.add(checkout.inside(first))
        let file = files.files[0]
        guard let document = try ManifestYAML.documents(file).first else {
            throw StageError.manifest("\(file.path) is empty")
        }
        return (file.path, document)
    }

    private func resolve(_ reference: String, from folder: String, _ place: String) throws -> String {
        // What kustomize takes for a repository, also if there is a folder of that name.
        let isRemote =
            ["//", ":", "?", "@", "github.com", ".git/", "_git/"].contains { reference.holds($0) }
            || reference.ends(with: ".git")
        guard !isRemote, !reference.begins(with: "/") else {
            throw StageError.manifest(
                "manifest-outside",
                "\(place): \(quoted(reference)) is not in the repository, and nothing is fetched: copy it there"
            )
        }
        let base = checkout.inside(folder)
        do {
            return try checkout.resolve(base == "." ? reference : "\(base)/\(reference)")
        } catch let error as StageError {
            throw StageError(error.outcome, error.reason.code, "\(place): \(error.reason.message)")
        }
    }
}
