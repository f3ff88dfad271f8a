/// The images of the pipeline and the digests that were pushed.
final class ImagePins {
    private let references: [String: String]
    private var used: Set<String> = []

    init(_ images: [PushedImage]) {
        references = Dictionary(images.map { ($0.name, $0.reference) }, uniquingKeysWith: { first, _ in first })
    }

    /// The reference to deploy if the name means an image of the pipeline.
    func pin(_ image: ImageName) -> String? {
        guard let name = image.bare, let reference = references[name] else { return nil }
        used.insert(name)
        return reference
    }

    /// Images that were built for nothing.
    var unused: [String] { references.keys.filter { !used.contains($0) }.sorted() }
}
