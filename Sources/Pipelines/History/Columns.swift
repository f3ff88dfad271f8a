internal import GRDB

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

extension Row {
    /// A column that holds a word of one of our enums.
    func word<Word: RawRepresentable>(_ column: String) throws -> Word where Word.RawValue == String {
        let text: String = self[column]
        guard let word = Word(rawValue: text) else {
            throw HistoryError(.corrupt, "The database is damaged: \"\(text)\" is no \(Word.self).")
        }
        return word
    }

    /// The columns `reason_code` and `reason_message`.
    var reason: Reason? {
        (self["reason_code"] as String?).map { Reason($0, self["reason_message"] ?? "") }
    }

    /// The columns `undo_status` and `undo_reason`.
    var undo: Undo? {
        get throws {
            try (self["undo_status"] as String?).map { _ in
                Undo(status: try word("undo_status"), reason: self["undo_reason"] ?? "")
            }
        }
    }

    func bytes(_ column: String) -> [UInt8]? {
        (self[column] as Data?).map { [UInt8]($0) }
    }
}

extension [UInt8] {
    /// As a column takes it.
    var blob: Data { Data(self) }
}
