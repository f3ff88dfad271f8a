import Foundation

enum Base64 {
    static func encoded(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }
    static func isValid(_ text: String) -> Bool { Data(base64Encoded: text) != nil }
}
