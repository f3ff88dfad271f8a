/// What a Dockerfile takes from elsewhere: the images of FROM, `COPY --from` and `RUN --mount=…,from=`, and the URLs of
/// ADD. Not a checker: what it does not understand is podman's to complain about.
///
/// Source of the grammar: Dockerfile reference (docs.docker.com/reference/dockerfile), Containerfile(5).
struct Containerfile: Sendable, Equatable {
    /// Each image that is not a stage of the same file, once, in order, with arguments filled in. Where an argument has
    /// no value that is known here, the `$` is still in it.
    private(set) var references: [String] = []
    /// Sources of ADD that podman would fetch, or that could turn out to be a URL once variables are filled in.
    private(set) var remoteSources: [String] = []
    /// What RUN steps mount.
    private(set) var mounts: [BuildMount] = []
    /// Options that lead out of the isolation, or of which it cannot be told what they are, because variables or the
    /// like are in their names.
    private(set) var refusedOptions: [String] = []

    private var stages: [String] = []
    /// Of the ARGs before the first FROM: podman fills in no others there.
    private var variables: [String: String] = [:]
    /// One of those ARGs is written so that its value cannot be told here.
    private var hasUnclearVariables = false
    private let platform: String
    private let given: [String: String]

    /// - Parameters:
    ///   - arguments: what is given with `--build-arg`.
    ///   - platform: `linux/amd64`; what TARGETPLATFORM and its parts say.
    init(_ text: String, arguments: [String: String], platform: String) {
        given = arguments
        self.platform = platform
        for reading in Instruction.Reading.all(for: text) {
            stages = []
            variables = [:]
            hasUnclearVariables = false
            for instruction in Instruction.all(in: text, reading) { read(instruction) }
        }
    }

    /// Adds what another one takes, as the ONBUILD instructions of a base image.
    mutating func merge(_ other: Containerfile) {
        references += other.references.filter { !references.contains($0) }
        remoteSources += other.remoteSources
        mounts += other.mounts
        refusedOptions += other.refusedOptions
    }

    // MARK: - Instructions

    private mutating func read(_ instruction: Instruction) {
        switch instruction.name {
        case "ARG":
            if stages.isEmpty { declare(instruction) }
        case "FROM":
            let words = instruction.words
            guard let image = words.first else { return }
            note(expand(Self.unquoted(image)) ?? image)
            let name = words.count >= 3 && words[1].uppercased() == "AS" ? words[2].lowercased() : ""
            stages.append(name.utf8.allSatisfy { $0.isLetterOrDigit || "_.-".utf8.contains($0) } ? name : "")
        case "COPY", "ADD":
            for flag in instruction.flags { readOption(flag, of: instruction.name) }
            if instruction.name == "ADD" { readSources(instruction) }
        case "RUN":
            for flag in instruction.flags { readOption(flag, of: "RUN") }
        case "ONBUILD":
            if let inner = Instruction(instruction.rest) { read(inner) }
        default:
            break
        }
    }

    /// podman fills variables in everywhere in an option, also in its name.
    private mutating func readOption(_ flag: String, of instruction: String) {
        let parts = flag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let isPlain =
            flag.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
            && parts[0].utf8.allSatisfy { $0.isLower || $0 == UInt8(ascii: "-") }
        switch (isPlain ? parts[0] : "", parts.count > 1 ? parts[1] : "") {
        case ("--from", let image):
            note(image)
        case ("--mount", let text):
            let mount = BuildMount(text)
            if !mounts.contains(mount) { mounts.append(mount) }
            if let image = mount.from { note(image) }
        case ("--network", "none"), ("--network", "default"):
            break
        default:
            if isPlain, instruction != "RUN" { break }
            if !refusedOptions.contains(flag) { refusedOptions.append(flag) }
        }
    }

    private mutating func readSources(_ add: Instruction) {
        let remote = add.hasEscapesInList ? [add.rest] : add.sources.filter(Self.mayBeRemote)
        remoteSources += remote.filter { !remoteSources.contains($0) }
    }

    /// `NAME`, or `NAME=default`, once or several times. What is given wins over the default, and the names of the
    /// platform have one of their own.
    private mutating func declare(_ instruction: Instruction) {
        for word in instruction.words {
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let value = parts.count == 2 ? Self.unquoted(parts[1]) : Self.platformVariables(platform)[parts[0]]
            if let value = given[parts[0]] {
                variables[parts[0]] = value
            } else if let value {
                variables[parts[0]] = expand(value)
                if variables[parts[0]] == nil { hasUnclearVariables = true }
            }
            // A quote may go on in the next word, and podman derives the others of the platform from this one.
            let isLiteral = parts.count == 2 && parts[1].begins(with: "'") && parts[1].holds("$")
            let isPlatform = parts.count == 2 && parts[0] == "TARGETPLATFORM"
            let isPlain = Self.isPlain(parts[0]) && Self.isPlain(value ?? "")
            if isLiteral || isPlatform || !isPlain { hasUnclearVariables = true }
        }
    }

    /// Nothing in it that podman takes away or reads in another way.
    private static func isPlain(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x21..<0x7F).contains($0) && !"\"'\\".utf8.contains($0) }
    }

    private static func platformVariables(_ platform: String) -> [String: String] {
        let parts = platform.split(separator: "/").map(String.init)
        var result: [String: String] = [:]
        for side in ["TARGET", "BUILD"] {
            result["\(side)PLATFORM"] = platform
            result["\(side)OS"] = parts.first
            result["\(side)ARCH"] = parts.count > 1 ? parts[1] : nil
            result["\(side)VARIANT"] = parts.count > 2 ? parts[2] : ""
        }
        return result
    }

    /// Keeps the image, unless it is a stage (by name or number) or `scratch`.
    private mutating func note(_ image: String) {
        let isStage = stages.contains(image.lowercased()) || Int(image).map { $0 < stages.count } ?? false
        if image.isEmpty || isStage || image == "scratch" || references.contains(image) { return }
        references.append(image)
    }

    // MARK: - Words

    /// `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:+other}`; nil when it cannot be told here what they stand for.
    private func expand(_ text: String) -> String? {
        guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
        guard !hasUnclearVariables, Self.isPlain(text) else { return nil }
        var result = ""
        var rest = Substring(text)
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "{" {
                guard let end = rest.firstIndex(of: "}") else { return nil }
                guard let value = expandBraces(rest[rest.index(after: rest.startIndex)..<end]) else { return nil }
                result += value
                rest = rest[rest.index(after: end)...]
            } else {
                guard let name = Self.name(rest), let value = variables[name] else { return nil }
                result += value
                rest = rest.dropFirst(name.count)
            }
        }
        return result + rest
    }

    private func expandBraces(_ inner: Substring) -> String? {
        guard let name = Self.name(inner) else { return nil }
        let rest = inner.dropFirst(name.count)
        let value = variables[name]
        if rest.isEmpty { return value }
        let word = rest.dropFirst(2)
        guard !word.contains("$") else { return nil }
        if rest.hasPrefix(":-") { return value.flatMap { $0.isEmpty ? nil : $0 } ?? String(word) }
        if rest.hasPrefix(":+") { return value.map { $0.isEmpty ? "" : String(word) } ?? "" }
        return nil
    }

    /// The name of a variable at the beginning. One that begins with a digit is cut in two by podman.
    private static func name(_ text: Substring) -> String? {
        let name = text.prefix { $0.isLetter || $0.isNumber || $0 == "_" }
        return name.first.map { $0.isNumber } ?? true ? nil : String(name)
    }

    private static func unquoted(_ word: String) -> String {
        for quote in ["\"", "'"] where word.count >= 2 && word.hasPrefix(quote) && word.hasSuffix(quote) {
            return String(word.dropFirst().dropLast())
        }
        return word
    }

    /// Whether a source of ADD is a URL, or begins with what can become one when variables are filled in. Quotes and
    /// escapes go first, as podman takes them away.
    private static func mayBeRemote(_ source: String) -> Bool {
        let plain = String(decoding: source.utf8.filter { !"\"'\\`".utf8.contains($0) }, as: UTF8.self).lowercased()
        let start = String(decoding: plain.utf8.prefix { $0 != UInt8(ascii: "$") }, as: UTF8.self)
        let isWhole = start.utf8.count == plain.utf8.count
        return ["http://", "https://", "ftp://", "git://", "ssh://", "git@"].contains { scheme in
            start.begins(with: scheme) || (!isWhole && scheme.begins(with: start))
        }
    }
}
