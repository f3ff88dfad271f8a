extension TextRule {
    /// A rule over the bytes that may stand in a text: the common case.
    private static func made(
        _ wanted: String,
        pattern: String,
        length: ClosedRange<Int>,
        _ complaint: @escaping @Sendable (String) -> String?
    ) -> TextRule {
        TextRule(pattern: pattern, length: length, wanted: wanted, complaint: complaint)
    }

    /// A pipeline, environment, image or namespace: a DNS label as Kubernetes has it, short enough to be part of
    /// others.
    static let name = made(
        "a name such as todo-api",
        pattern: "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$",
        length: 1...40
    ) { text in
        guard text.utf8.allSatisfy({ $0.isLowerOrDigit || $0 == UInt8(ascii: "-") }) else {
            return "only lower-case letters, digits and hyphens may be in it"
        }
        return text.begins(with: "-") || text.ends(with: "-") ? "it must begin and end with a letter or a digit" : nil
    }

    /// The name of a secret: it becomes an environment variable of the deployed containers.
    static let secretName = made(
        "a name such as DATABASE_URL",
        pattern: "^[A-Z_][A-Z0-9_]*$",
        length: 1...128
    ) { text in
        let fits = text.utf8.allSatisfy { $0.isUpper || $0.isDigit || $0 == UInt8(ascii: "_") }
        return fits && !text.utf8.first!.isDigit ? nil : "only A-Z, 0-9 and _ may be in it, and no digit first"
    }

    /// An environment variable of this server, or a build argument.
    static let variable = made(
        "the name of a variable such as TODO_DATABASE_URL",
        pattern: "^[A-Za-z_][A-Za-z0-9_]*$",
        length: 1...128
    ) { text in
        let fits = text.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: "_") }
        return fits && !text.utf8.first!.isDigit ? nil : "only letters, digits and _ may be in it, and no digit first"
    }

    /// Any text on one line, e.g. the value of a header or of a build argument; it may be empty.
    static let line = made("text on one line", pattern: #"^[^\u0000-\u001F\u007F]*$"#, length: 0...4096) { text in
        text.hasControls ? "no line breaks or other control characters may be in it" : nil
    }

    /// A label that people read.
    static let label = made("a short text", pattern: #"^[^\u0000-\u001F\u007F]+$"#, length: 1...120) { text in
        text.hasControls ? "no line breaks or other control characters may be in it" : nil
    }

    /// Text that may have several lines.
    static let prose = made("text", pattern: #"^[^\u0000]+$"#, length: 1...65_536) { text in
        text.unicodeScalars.contains("\0") ? "the character NUL may not be in it" : nil
    }

    /// A path inside the repository; `.` is its root.
    static let repositoryPath = made(
        "a path inside the repository such as deploy/todo",
        pattern: #"^(?!/)(?!(.*/)?\.\.(/|$))[^\u0000-\u001F\u007F]+$"#,
        length: 1...1024
    ) { text in
        if text.begins(with: "/") { return "it must be relative to the repository's root: leave out the first /" }
        if text.hasControls { return "no line breaks or other control characters may be in it" }
        let leaves = text.parts(at: "/").contains { $0.utf8.elementsEqual("..".utf8) }
        return leaves ? "it may not leave the repository with .." : nil
    }

    /// A path on this server, absolute or relative to the file that names it.
    static let serverPath = made(
        "a path on this server",
        pattern: #"^[^\u0000-\u001F\u007F]+$"#,
        length: 1...4096
    ) { text in
        text.hasControls ? "no line breaks or other control characters may be in it" : nil
    }

    /// A glob over paths of the repository.
    static let pathGlob = made(
        "a pattern such as backend/**",
        pattern: #"^(?![/!]|\./)[^\u0000-\u001F\u007F]*[^\u0000-\u001F\u007F/]$"#,
        length: 1...512
    ) { text in
        if text.hasControls { return "no line breaks or other control characters may be in it" }
        if text.begins(with: "!") { return "patterns that exclude are not read: name what counts" }
        if text.begins(with: "/") { return "patterns begin at the repository's root: leave out the first /" }
        if text.begins(with: "./") { return "patterns begin at the repository's root: leave out the first ./" }
        return text.ends(with: "/") ? "it names a folder and matches no file: add **" : nil
    }

    /// The name of a build stage in a Dockerfile.
    static let buildStage = made(
        "a build stage such as runtime",
        pattern: "^[A-Za-z0-9][-A-Za-z0-9_.]*$",
        length: 1...128
    ) { text in
        let fits = text.utf8.allSatisfy { $0.isLetter || $0.isDigit || "-_.".utf8.contains($0) }
        let first = text.utf8.first!
        return fits && (first.isLetter || first.isDigit)
            ? nil : "only letters, digits, _, - and . may be in it, and a letter or digit first"
    }

    /// The name of an HTTP header (RFC 9110, 5.6.2).
    static let headerName = made(
        "a header's name such as Accept",
        pattern: "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$",
        length: 1...128
    ) { text in
        let fits = text.utf8.allSatisfy { $0.isLetter || $0.isDigit || "-!#$%&'*+.^_`|~".utf8.contains($0) }
        return fits ? nil : "spaces, colons and letters outside ASCII may not be in it"
    }

    /// Where in a JSON body a value is: keys and positions with dots between them.
    static let jsonPath = made(
        "a path into the JSON body such as items.0.name",
        pattern: #"^[^.\u0000-\u001F\u007F]+(\.[^.\u0000-\u001F\u007F]+)*$"#,
        length: 1...512
    ) { text in
        if text.hasControls { return "no line breaks or other control characters may be in it" }
        return text.parts(at: ".").contains { $0.isEmpty }
            ? "between two dots must be a key or a position" : nil
    }
}

// MARK: - Git

extension TextRule {
    /// A branch (git-check-ref-format).
    static let branch = TextRule(
        pattern: #"^(?!refs/|-|/|@$)(?!.*(\.\.|//|@\{|/\.|\.lock(/|$)|[/.]$))(?!\.)[^\u0000-\u0020\u007F~^:?*\[\\]+$"#,
        length: 1...200,
        wanted: "a branch such as main"
    ) { text in
        if text.begins(with: "refs/") { return "write the name alone, without refs/heads/" }
        if text.hasControls || text.utf8.contains(where: { " ~^:?*[\\".utf8.contains($0) }) {
            return "spaces, control characters and ~ ^ : ? * [ \\ may not be in it"
        }
        if text.holds("..") || text.holds("@{") || text == "@" { return ".. and @{ may not be in it, nor @ alone" }
        if text.begins(with: "-") || text.ends(with: ".") { return "it may not begin with - or end with ." }
        let parts = text.parts(at: "/")
        let bad = parts.contains { $0.isEmpty || $0.begins(with: ".") || $0.ends(with: ".lock") }
        return bad ? "between slashes must be a name that does not begin with . or end with .lock" : nil
    }

    /// A glob over tag names.
    static let tagGlob = TextRule(
        pattern: #"^(?!refs/|[-/!])[^\u0000-\u0020\u007F~^:\[\\]+$"#,
        length: 1...200,
        wanted: "a pattern over tags such as v*"
    ) { text in
        if text.begins(with: "refs/") { return "write the pattern alone, without refs/tags/" }
        if text.hasControls || text.utf8.contains(where: { " ~^:[\\".utf8.contains($0) }) {
            return "spaces, control characters and ~ ^ : [ \\ may not be in it"
        }
        let first = text.utf8.first!
        return "-/!".utf8.contains(first) ? "it may not begin with - or / or !" : nil
    }

    /// A repository on github.com.
    static let githubRepository = TextRule(
        pattern: #"^[A-Za-z0-9][-A-Za-z0-9]{0,38}/(?!\.{1,2}$)(?!.*\.git$)[-A-Za-z0-9_.]{1,100}$"#,
        length: 3...140,
        wanted: "a repository such as acme/todo"
    ) { text in
        let parts = text.parts(at: "/")
        if text.holds("://") || text.begins(with: "git@") {
            return "write owner/name here, or use the key 'git' for a URL"
        }
        guard parts.count == 2, isOwner(parts[0]) else { return "write owner/name" }
        return isRepositoryName(parts[1])
    }

    /// What a webhook's secret is good for: a repository on github.com, all of an owner's, or a URL.
    static let webhookSource = TextRule(
        pattern: #"^([A-Za-z0-9][-A-Za-z0-9]{0,38}/(\*|(?!\.{1,2}$)(?!.*\.git$)[-A-Za-z0-9_.]{1,100})|https?://"#
            + Self.hostAndPort + #"/[^\u0000-\u0020\u007F]+)$"#,
        length: 3...1024,
        wanted: "acme/todo, \"acme/*\" or an https URL"
    ) { text in
        if text.holds("://") {
            guard let url = PlainURL(text), ["http", "https"].contains(url.scheme), url.path.begins(with: "/"),
                url.path.utf8.count > 1
            else {
                return "write https://host/path"
            }
            return url.user == nil ? nil : "no user or password may be in it"
        }
        let parts = text.parts(at: "/")
        guard parts.count == 2, isOwner(parts[0]) else { return "write owner/name or owner/*" }
        return parts[1] == "*" ? nil : isRepositoryName(parts[1])
    }

    /// A repository's URL: https, http, ssh, an absolute file URL, or `user@host:path`.
    static let gitURL = TextRule(
        pattern: #"^(https?://"# + Self.hostAndPort + #"/[^\u0000-\u0020\u007F?]+|ssh://([-A-Za-z0-9_.]+@)?"#
            + Self.hostAndPort + #"/[^\u0000-\u0020\u007F?]+|file:///[^\u0000-\u0020\u007F]+|"#
            + #"[A-Za-z0-9_.][-A-Za-z0-9_.]*@[A-Za-z0-9_.][-A-Za-z0-9_.]*:"#
            + #"[^/\u0000-\u0020\u007F-][^\u0000-\u0020\u007F]*)$"#,
        length: 1...1024,
        wanted: "a repository's URL such as https://host/path.git"
    ) { text in
        if text.hasControls || text.holds(" ") { return "no spaces or control characters may be in it" }
        if text.begins(with: "file:") {
            return text.begins(with: "file:///") && text.utf8.count > 8 ? nil : "a file URL is absolute: file:///folder"
        }
        if isSecureCopyForm(text) { return nil }
        return text.holds("://")
            ? gitURLFault(text) : "begin with https://, http://, ssh:// or file:///, or write git@host:path"
    }

    private static func gitURLFault(_ text: String) -> String? {
        guard let url = PlainURL(text), ["https", "http", "ssh"].contains(url.scheme) else {
            return "begin with https://, http://, ssh:// or file:///, then a host, then a path"
        }
        guard url.path.begins(with: "/"), url.path.utf8.count > 1 else {
            return "the path of the repository is missing"
        }
        if url.path.holds("?") {
            return "no query may be in it: credentials belong under git.credentials in fairlead.yaml"
        }
        guard let user = url.user else { return nil }
        if url.scheme == "ssh", user.utf8.allSatisfy({ $0.isLetter || $0.isDigit || "-_.".utf8.contains($0) }) {
            return nil
        }
        return "no user or password may be in it: they belong under git.credentials in fairlead.yaml"
    }

    private static func isSecureCopyForm(_ text: String) -> Bool {
        let scalars = text.unicodeScalars
        guard let at = scalars.firstIndex(of: "@"), let colon = scalars[at...].firstIndex(of: ":") else { return false }
        let names = [text[..<at], Substring(scalars[at..<colon].dropFirst())]
        let path = Substring(scalars[colon...].dropFirst())
        return names.allSatisfy { name in
            name.utf8.allSatisfy { $0.isLetter || $0.isDigit || "-_.".utf8.contains($0) }
                && !name.isEmpty && !name.begins(with: "-")
        } && !path.isEmpty && !path.begins(with: "/") && !path.begins(with: "-")
    }

    private static func isOwner(_ text: Substring) -> Bool {
        (1...39).contains(text.utf8.count) && text.utf8.first!.isLetterOrDigit
            && text.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
    }

    private static func isRepositoryName(_ text: Substring) -> String? {
        guard (1...100).contains(text.utf8.count), text != ".", text != "..",
            text.utf8.allSatisfy({ $0.isLetterOrDigit || "-_.".utf8.contains($0) })
        else { return "the repository's name has letters, digits, -, _ and . only" }
        return text.ends(with: ".git") ? "leave out .git" : nil
    }
}
