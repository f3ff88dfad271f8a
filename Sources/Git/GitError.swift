import CGit2

/// What went wrong with a repository, in a form that a program can act on and a person can read.
///
/// Messages name the repository without its user or password.
public struct GitError: Error, Sendable, Equatable, CustomStringConvertible {
    public enum Code: String, Sendable {
        /// The task that asked was cancelled.
        case cancelled
        /// `FetchLimits.deadline` passed.
        case deadlineExceeded
        /// The server sent nothing for `FetchLimits.idle`.
        case idleTimeout
        /// The server wants credentials, or refused those it was given.
        case authentication
        /// The server's TLS certificate is not to be trusted.
        case certificate
        /// The ssh server's host key is unknown or not the one on file.
        case hostKey
        /// There is no such repository.
        case notFound
        /// The repository has no such branch or tag.
        case refNotFound
        /// The revision is not in the mirror.
        case revisionNotFound
        /// The network or the server failed: another try may succeed.
        case network
        /// The tree holds a path or a symbolic link that must not be written to disk.
        case unsafePath
        /// A submodule's address is of a kind that is never followed.
        case unsafeSubmodule
        /// Objects on disk, or from the server, do not parse or do not match their checksums.
        case corrupt
        /// Anything else: the disk, an address that does not parse, a limit.
        case other
    }

    public let code: Code
    /// One sentence without a full stop, safe to show and to log.
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// Whether the same call may succeed a little later without anybody changing anything.
    public var isTransient: Bool {
        switch code {
        case .network, .idleTimeout, .deadlineExceeded: true
        default: false
        }
    }

    public var description: String { "\(message) (\(code.rawValue))" }
}

extension GitError {
    /// The thread's last libgit2 error, in our words. Read it on the thread of the call that failed, at once.
    static func last(_ status: Int32, _ doing: String) -> GitError {
        let detail = git_error_last().map { (Int($0.pointee.klass), string($0.pointee.message)) } ?? (0, "no detail")
        let text = detail.1.split(whereSeparator: \.isNewline).joined(separator: " ")
        return GitError(code(status: status, category: detail.0, text: text), "\(doing): \(text)")
    }

    private static func string(_ pointer: UnsafePointer<CChar>?) -> String {
        pointer.map { String(cString: $0) } ?? "no detail"
    }

    private static func code(status: Int32, category: Int, text: String) -> Code {
        switch status {
        case GIT_EAUTH.rawValue: return .authentication
        case GIT_EMISMATCH.rawValue: return .corrupt
        default: break
        }
        if let known = code(text: text) { return known }
        switch git_error_t(rawValue: UInt32(category)) {
        case GIT_ERROR_NET, GIT_ERROR_HTTP, GIT_ERROR_SSL, GIT_ERROR_SSH: return .network
        case GIT_ERROR_ZLIB, GIT_ERROR_ODB, GIT_ERROR_INDEXER, GIT_ERROR_OBJECT, GIT_ERROR_TREE, GIT_ERROR_SHA:
            return .corrupt
        default: return .other
        }
    }

    /// What libgit2 1.5 and git servers say only in words.
    private static func code(text: String) -> Code? {
        let lowered = text.lowercased()
        if let status = lowered.numberFollowing("http status code: ") {
            switch status {
            case 404, 410: return .notFound
            case 401, 403, 407: return .authentication
            case 408, 429, 500...599: return .network
            default: return .other
            }
        }
        let missing = [
            "repository not found", "does not appear to be a git repository", "project you were looking for could not",
            "no such file or directory", "could not find repository",
        ]
        if missing.contains(where: lowered.contains) { return .notFound }
        if lowered.contains("passphrase") || lowered.contains("private key") { return .authentication }
        if lowered.contains("permission denied") || lowered.contains("access denied") { return .authentication }
        if lowered.contains("cannot redirect") || lowered.contains("invalid content-type") { return .other }
        return nil
    }
}

extension String {
    /// The decimal number that directly follows the first occurrence of `marker`.
    fileprivate func numberFollowing(_ marker: String) -> Int? {
        var rest = self[...]
        while !rest.isEmpty, !rest.hasPrefix(marker) { rest = rest.dropFirst() }
        return Int(rest.dropFirst(marker.count).prefix { $0.isASCII && $0.isNumber })
    }
}

/// Calls libgit2 and throws its error when it returns a negative status.
@discardableResult
func check(_ doing: @autoclosure () -> String, _ status: Int32) throws(GitError) -> Int32 {
    guard status < 0 else { return status }
    throw GitError.last(status, doing())
}
