/// Documents by key, each with a version: what a writer has not seen, it cannot overwrite.
public protocol StateStore: Sendable {
    /// The documents that exist.
    /// - Throws: ``StateError``.
    func read(_ keys: [String]) async throws -> [String: StateDocument]

    /// Writes a document as a whole.
    ///
    /// - Parameters:
    ///   - etag: of the version that was read; nil: it did not exist.
    ///   - lifetime: after which the store forgets it, unless it is written again; nil: never.
    /// - Throws: ``StateError/conflict`` where the document is another one by now, and nothing was written;
    ///   ``StateError/failure(_:)`` where it is not known whether it was written.
    func write(_ key: String, _ value: [UInt8], etag: String?, lifetime: Duration?) async throws
}

/// What a store holds under a key.
public struct StateDocument: Sendable, Equatable {
    /// JSON.
    public let value: [UInt8]
    public let etag: String

    public init(value: [UInt8], etag: String) {
        self.value = value
        self.etag = etag
    }
}

public enum StateError: Error, Sendable, CustomStringConvertible {
    case conflict
    /// A sentence for the log.
    case failure(String)

    public var description: String {
        switch self {
        case .conflict: "somebody else has written the document"
        case .failure(let reason): reason
        }
    }
}

/// Reads, changes and writes documents so that no change of anybody is lost, and none is made twice.
public struct Documents: Sendable {
    private let store: any StateStore
    /// Called with every failure of the store.
    private let failed: @Sendable (String) -> Void

    public init(_ store: any StateStore, failed: @escaping @Sendable (String) -> Void = { _ in }) {
        self.store = store
        self.failed = failed
    }

    /// A document names the write that made it. A writer who got no answer reads it again and sees whether it was his.
    private struct Envelope<Content: Codable>: Codable {
        var write: String
        var content: Content
    }

    /// What a change of a document comes to.
    public enum Change<Result: Sendable>: Sendable {
        case write(Result)
        /// The document stays as it is.
        case keep(Result)
    }

    /// Tries of one change, which take about three seconds together where the store fails at once.
    private static let tries = 12

    public func read<Content: Codable & Sendable>(_ type: Content.Type, _ keys: [String]) async throws
        -> [String: Content]
    {
        do {
            return try await store.read(keys).mapValues {
                try JSON.decode(Envelope<Content>.self, from: $0.value).content
            }
        } catch {
            failed("\(error)")
            throw error
        }
    }

    /// Changes a document.
    ///
    /// - Parameters:
    ///   - initial: what a document that does not exist holds.
    ///   - change: is called again where somebody else wrote meanwhile. `earlier`: what the call before came to, which may
    ///     have been written all the same, with its answer lost and others' changes since: look whether it was.
    /// - Throws: what `change` throws, or ``StateError``. After ``StateError/failure(_:)`` it is not known whether the
    ///   change was made.
    public func change<Content: Codable & Sendable, Result: Sendable>(
        _ key: String,
        initial: Content,
        lifetime: Duration? = nil,
        _ change: @Sendable (_ content: inout Content, _ earlier: Result?) throws -> Change<Result>
    ) async throws -> Result {
        var sent: [String: Result] = [:]
        var earlier: Result?
        var last = StateError.conflict
        for attempt in 0..<Self.tries {
            if attempt > 0 { try await Task.sleep(for: Self.pause(attempt)) }
            do {
                let found = try await store.read([key])[key]
                var envelope =
                    try found.map { try JSON.decode(Envelope<Content>.self, from: $0.value) }
                    ?? Envelope(write: "", content: initial)
                // Also after a conflict: the store's own proxy may have tried twice, and met itself.
                if let result = sent[envelope.write] { return result }
                switch try change(&envelope.content, earlier) {
                case .keep(let result): return result
                case .write(let result):
                    envelope.write = Identifier.random()
                    sent[envelope.write] = result
                    earlier = result
                    try await store.write(key, try JSON.encode(envelope), etag: found?.etag, lifetime: lifetime)
                    return result
                }
            } catch let error as StateError {
                if case .failure(let reason) = error { failed(reason) }
                last = error
            }
        }
        throw last
    }

    /// Whether the store answers.
    public func isReachable() async -> Bool {
        do {
            _ = try await store.read(["ready"])
            return true
        } catch {
            failed("\(error)")
            return false
        }
    }

    /// 5 ms, 10 ms … half a second, half of it by chance: writers who met do not meet again.
    private static func pause(_ attempt: Int) -> Duration {
        let limit = min(500, 5 << min(attempt - 1, 7))
        return .milliseconds(Int.random(in: limit / 2...limit))
    }
}
