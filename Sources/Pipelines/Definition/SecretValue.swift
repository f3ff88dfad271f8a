/// A secret in memory. It cannot be printed by accident: every description of it is `<secret>`, and it is not Codable.
public struct SecretValue: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The secret itself: for the place that needs it, and no log.
    public let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public init(_ text: String) {
        self.bytes = Array(text.utf8)
    }

    /// The secret as text, if it is UTF-8.
    public var text: String? { String(validating: bytes, as: UTF8.self) }

    public var description: String { "<secret>" }
    public var debugDescription: String { "<secret>" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Why a secret is not to be had, in words that say how to mend it; it never holds any of the secret.
public struct SecretError: Error, Sendable, Equatable, CustomStringConvertible {
    public var message: String
    public var description: String { message }
}

/// Looks a pipeline's secret up, at the time when it is needed.
///
/// - Parameter environment: The server's environment.
/// - Throws: `SecretError` if the variable or the file is not there, cannot be read or is empty.
public func resolve(_ source: Definition.SecretSource, environment: [String: String]) throws -> SecretValue {
    try readSecret(source, environment: environment).value
}

/// A secret, and a warning if others on this machine can read its file.
func readSecret(
    _ source: Definition.SecretSource,
    environment: [String: String]
) throws(SecretError) -> (value: SecretValue, warning: String?) {
    switch source {
    case .environment(let name):
        guard let text = environment[name] else {
            throw SecretError(message: "the environment variable \(name) is not set: set it before the server starts")
        }
        guard !text.isEmpty else {
            throw SecretError(message: "the environment variable \(name) is empty: give it a value")
        }
        return (SecretValue(text), nil)
    case .file(let path):
        let file: (bytes: [UInt8], mode: UInt32)
        do throws(ReadingError) {
            file = try readFileWithMode(path, atMost: 64 * 1024)
        } catch {
            throw SecretError(message: error.message)
        }
        var bytes = file.bytes
        if bytes.last == UInt8(ascii: "\n") {
            bytes.removeLast()
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        }
        guard !bytes.isEmpty else {
            throw SecretError(message: "the file \(quoted(path)) is empty: put the secret into it")
        }
        return (SecretValue(bytes), openFileWarning(path, mode: file.mode))
    }
}

/// A warning if everybody on this machine may read a file that holds a secret.
func openFileWarning(_ path: String, mode: UInt32) -> String? {
    let everybody: UInt32 = 0o004
    return mode & everybody == 0 ? nil : "everybody on this machine may read \(quoted(path)): chmod 600 it"
}
