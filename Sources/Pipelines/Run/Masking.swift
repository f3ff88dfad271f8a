/// Replaces secrets in text by `***`, in whatever form they usually come: as they are, in base64 (alone, or somewhere
/// inside a longer base64 text), URL-encoded, JSON-escaped.
///
/// Secrets shorter than `minimumLength` bytes are not masked: they would blank out half of every log and could still
/// be guessed. Of secrets with several lines, each line of at least `minimumLineLength` bytes is masked for itself,
/// because logs are read by line. What overlaps is masked together. Time is linear in the text, however many secrets
/// there are.
public struct Masker: Sendable {
    /// In bytes.
    public static let minimumLength = 4
    /// In bytes.
    public static let minimumLineLength = 8
    /// What is shown in place of a secret.
    public static let mask = "***"

    let automaton: MaskAutomaton?

    public init(secrets: [SecretValue]) {
        let patterns = secrets.reduce(into: Set<[UInt8]>()) { $0.formUnion(MaskedForms.of($1.bytes)) }
        automaton = patterns.isEmpty ? nil : MaskAutomaton(patterns)
    }

    /// The text with every secret masked.
    public func mask(_ text: String) -> String {
        guard automaton != nil else { return text }
        return String(decoding: mask(Array(text.utf8)), as: UTF8.self)
    }

    /// The bytes with every secret masked.
    public func mask(_ bytes: [UInt8]) -> [UInt8] {
        guard automaton != nil else { return bytes }
        var stream = StreamMasker(self)
        return stream.mask(bytes) + stream.flush()
    }
}

/// Masks bytes that come in pieces: a secret may begin in one piece and end in a later one.
///
/// So the end of a piece that could be the beginning of a secret is kept back, never more than the longest secret;
/// `flush` gives it out.
public struct StreamMasker: Sendable {
    private let automaton: MaskAutomaton?
    private var state: Int32 = 0
    /// Bytes that were read and not given out; the first one's position is `start`.
    private var held: [UInt8] = []
    private var start = 0
    /// Secrets found beyond `start`, in order, none overlapping another.
    private var found: [Range<Int>] = []
    /// Up to here everything belongs to a secret whose mask was given out already.
    private var maskedTo = 0

    public init(_ masker: Masker) {
        automaton = masker.automaton
    }

    /// Takes the next piece and returns what can be given out.
    public mutating func mask(_ bytes: [UInt8]) -> [UInt8] {
        guard let automaton else { return bytes }
        let first = start + held.count
        var state = state
        bytes.withUnsafeBufferPointer { bytes in
            var index = 0
            while index < bytes.count {
                if state == 0 {
                    index = automaton.skip(bytes, from: index)
                    guard index < bytes.count else { break }
                }
                state = automaton.next(state, bytes[index])
                index += 1
                let length = automaton.longest(state)
                if length > 0 { note((first + index - length)..<(first + index)) }
            }
        }
        self.state = state
        held += bytes
        return give(upTo: start + held.count - automaton.begun(state))
    }

    /// Ends the stream and returns the rest. The next piece begins a new one.
    public mutating func flush() -> [UInt8] {
        state = 0
        return give(upTo: start + held.count)
    }

    private mutating func note(_ range: Range<Int>) {
        var lower = range.lowerBound
        while let last = found.last, last.upperBound > lower {
            lower = min(lower, last.lowerBound)
            found.removeLast()
        }
        found.append(lower..<range.upperBound)
    }

    private mutating func give(upTo end: Int) -> [UInt8] {
        guard !found.isEmpty || maskedTo > start else {
            if end == start + held.count {
                defer { held = [] }
                start = end
                return held
            }
            let given = Array(held.prefix(end - start))
            held.removeFirst(end - start)
            start = end
            return given
        }
        var given: [UInt8] = []
        var position = start
        func plain(to limit: Int) {
            let from = max(position, maskedTo)
            if from < limit { given += held[(from - start)..<(limit - start)] }
            position = max(position, limit)
        }
        var done = 0
        for secret in found where secret.lowerBound < end {
            plain(to: secret.lowerBound)
            // A secret that overlaps one whose mask was given out goes under that mask.
            if secret.lowerBound >= maskedTo { given += Array(Masker.mask.utf8) }
            maskedTo = max(maskedTo, secret.upperBound)
            done += 1
        }
        plain(to: end)
        found.removeFirst(done)
        held.removeFirst(end - start)
        start = end
        return given
    }
}
