#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The ONBUILD instructions of an image, which podman follows in a build that begins with it, and does not show.
enum ImageTriggers {
    /// - Parameters:
    ///   - image: its id, 64 hexadecimal digits.
    ///   - storage: podman's graph root. There an image's configuration is a file called `=` and the base64 of its
    ///     digest (containers/storage, images.go).
    /// - Returns: nil if the configuration cannot be read.
    static func read(image id: String, storage: String) -> [String]? {
        struct Configuration: Decodable {
            struct Config: Decodable {
                var triggers: [String]?

                enum CodingKeys: String, CodingKey { case triggers = "OnBuild" }
            }
            var config: Config?
        }
        let name = Data("sha256:\(id)".utf8).base64EncodedString()
        guard let bytes = SmallFile.read("\(storage)/overlay-images/\(id)/=\(name)"),
            let configuration = try? JSONDecoder().decode(Configuration.self, from: Data(bytes))
        else { return nil }
        return configuration.config?.triggers ?? []
    }
}
