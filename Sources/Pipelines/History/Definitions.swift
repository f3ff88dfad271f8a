internal import GRDB
internal import Signing

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

extension History {
    /// Keeps a definition, once, and returns its hash: SHA-256 of its JSON with sorted keys, in hexadecimal.
    /// A run can only be queued with a definition that is kept here.
    public func registerDefinition(_ definition: Definition) async throws -> String {
        let body = try DefinitionBody.encode(definition)
        let hash = SHA256Digest.hex(Array(body.utf8))
        try await write { db, _ in
            try db.execute(
                sql: "INSERT INTO definitions (hash, pipeline, body) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING",
                arguments: [hash, definition.name, body]
            )
        }
        return hash
    }

    /// The definition that a run was accepted with; nil if there is no such run, or this Fairlead cannot read it.
    func definition(run: Int64) async throws -> Definition? {
        try await read { db in
            try String.fetchOne(
                db,
                sql: "SELECT f.body FROM runs r JOIN definitions f ON f.id = r.definition_id WHERE r.id = ?",
                arguments: [run]
            ).flatMap { try? DefinitionBody.decode($0) }
        }
    }

    /// The definition with this hash; nil if it was never registered.
    public func definition(hash: String) async throws -> Definition? {
        try await read { db in
            try String.fetchOne(db, sql: "SELECT body FROM definitions WHERE hash = ?", arguments: [hash])
                .map(DefinitionBody.decode)
        }
    }
}

/// A definition as it is kept: JSON in one canonical form, so that the same definition has one hash.
enum DefinitionBody {
    static func encode(_ definition: Definition) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(definition), as: UTF8.self)
    }

    static func decode(_ body: String) throws -> Definition {
        try JSONDecoder().decode(Definition.self, from: Data(body.utf8))
    }
}
