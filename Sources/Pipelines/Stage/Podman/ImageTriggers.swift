#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// The ONBUILD instructions of an image, which podman follows in a build that begins with it, and does not show.
enum ImageTriggers {
    /// Where podman's storage has an image's configuration, below its graph root: a file called `=` and the base64 of
    /// its digest (containers/storage, images.go).
    ///
    /// - Parameter id: the image's, 64 hexadecimal digits.
    static func path(image id: String, driver: String = "overlay") -> String {
        "\(driver)-images/\(id)/=\(Data("sha256:\(id)".utf8).base64EncodedString())"
    }

    /// - Parameter bytes: the configuration.
    /// - Returns: nil if it cannot be read.
    static func read(_ bytes: [UInt8]?) -> [String]? {
        struct Configuration: Decodable {
            struct Config: Decodable {
                var triggers: [String]?

                enum CodingKeys: String, CodingKey { case triggers = "OnBuild" }
            }
            var config: Config?
        }
        guard let bytes, let configuration = try? JSONDecoder().decode(Configuration.self, from: Data(bytes))
        else { return nil }
        return configuration.config?.triggers ?? []
    }
}
