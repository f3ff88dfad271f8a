/// The pipeline's images and the digests that were pushed: what a manifest writes as `backend` or `backend:latest` is
/// deployed as `registry/backend@sha256:…`.
///
/// A name with a slash or a digest is somebody else's image and left as it is written.
public struct ImagePins: Sendable {
    private let references: [String: String]
    private let paths: [GroupKind: [ImagePath]]

    /// - Parameters:
    ///   - references: by the image's name in the pipeline: `backend` → `registry/backend@sha256:…`.
    ///   - paths: where custom resources name images.
    public init(_ references: [String: String], paths: [ImagePath] = []) {
        self.references = references
        self.paths = Dictionary(grouping: paths, by: \.kind)
    }

    /// The manifests as they are to be applied, and where each image is used.
    public func pin(_ manifests: [Manifest]) -> PinnedManifests {
        var uses: [ImageUse] = []
        let pinned = manifests.map { manifest in
            var manifest = manifest
            uses += pin(&manifest.object)
            return manifest
        }
        let used = Set(uses.map(\.image))
        return PinnedManifests(
            manifests: pinned,
            uses: uses,
            unused: references.keys.filter { !used.contains($0) }.sorted()
        )
    }

    private func pin(_ object: inout JSON) -> [ImageUse] {
        let id = object.id
        var uses: [ImageUse] = []
        func replace(_ text: String, _ container: String?) -> String? {
            guard let name = bareImageName(text), let reference = references[name] else { return nil }
            uses.append(ImageUse(object: id, container: container, image: name, reference: reference))
            return reference
        }
        if let path = PodTemplate.specification(of: id.groupKind), var specification = object[path] {
            pinContainers(&specification, replace)
            object.set(path, specification)
        }
        for path in paths[id.groupKind] ?? [] { path.change(&object) { replace($0, nil) } }
        return uses
    }

    private func pinContainers(_ specification: inout JSON, _ replace: (String, String?) -> String?) {
        for list in PodTemplate.containerLists {
            // What is no list is for the server to refuse.
            guard case .array(var containers)? = specification[list] else { continue }
            for index in containers.indices {
                guard let image = containers[index]["image"]?.string else { continue }
                guard let pinned = replace(image, containers[index]["name"]?.string) else { continue }
                containers[index].set(["image"], .string(pinned))
            }
            specification.set([list], .array(containers))
        }
        // An image can be mounted as a volume as well.
        guard case .array(var volumes)? = specification["volumes"] else { return }
        for index in volumes.indices {
            guard let image = volumes[index][["image", "reference"]]?.string, let pinned = replace(image, nil) else {
                continue
            }
            volumes[index].set(["image", "reference"], .string(pinned))
        }
        specification.set(["volumes"], .array(volumes))
    }
}

/// Manifests with digests in the place of names.
public struct PinnedManifests: Sendable {
    public var manifests: [Manifest]
    public var uses: [ImageUse]
    /// Images that were built for nothing: no manifest names them.
    public var unused: [String]
}

/// One place that names an image of the pipeline.
public struct ImageUse: Sendable, Hashable, Codable {
    public var object: ObjectID
    /// Nil where it is not a container's: at a path of a custom resource, or a volume.
    public var container: String?
    /// Its name in the pipeline.
    public var image: String
    /// `registry/backend@sha256:…`.
    public var reference: String

    public init(object: ObjectID, container: String?, image: String, reference: String) {
        self.object = object
        self.container = container
        self.image = image
        self.reference = reference
    }
}

/// The name in `backend` and `backend:latest`; nil for all that cannot be an image of the pipeline (grammar:
/// distribution/reference).
func bareImageName(_ text: String) -> String? {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let name = parts.first, let first = name.utf8.first, let last = name.utf8.last else { return nil }
    func isLowerOrDigit(_ byte: UInt8) -> Bool { "a"..."z" ~= Character(.init(byte)) || isDigit(byte) }
    func isDigit(_ byte: UInt8) -> Bool { "0"..."9" ~= Character(.init(byte)) }
    func isLetter(_ byte: UInt8) -> Bool { "A"..."Z" ~= Character(.init(byte)) || isLowerOrDigit(byte) }
    guard isLowerOrDigit(first), isLowerOrDigit(last) else { return nil }
    guard name.utf8.allSatisfy({ isLowerOrDigit($0) || "._-".utf8.contains($0) }) else { return nil }
    guard parts.count == 2 else { return String(name) }
    let tag = parts[1].utf8
    guard (1...128).contains(tag.count), let start = tag.first, isLetter(start) || start == UInt8(ascii: "_") else {
        return nil
    }
    return tag.allSatisfy { isLetter($0) || "_.-".utf8.contains($0) } ? String(name) : nil
}
