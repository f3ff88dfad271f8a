#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// RFC 4648, the alphabet that Kubernetes uses.
enum Base64 {
    static func encode(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    /// Line breaks and other white space are left out: YAML's block text puts them in.
    static func decode(_ text: String) -> [UInt8]? {
        let dense = String(decoding: text.utf8.filter { $0 > 0x20 }, as: UTF8.self)
        return Data(base64Encoded: dense).map(Array.init)
    }
}
