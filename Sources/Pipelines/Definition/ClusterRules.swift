extension TextRule {
    /// A registry of DigitalOcean (its API: `registry_base.name`).
    static let registryName = TextRule(
        pattern: "^[-a-z0-9]+$",
        length: 1...63,
        wanted: "the name of a registry such as acme"
    ) { text in
        if text.holds("/") || text.holds(".") { return "write the name alone, without registry.digitalocean.com/" }
        let fits = text.utf8.allSatisfy { $0.isLowerOrDigit || $0 == UInt8(ascii: "-") }
        return fits ? nil : "only lower-case letters, digits and hyphens may be in it"
    }

    /// A cluster of DigitalOcean: what it is called, or its id.
    static let clusterName = TextRule(
        pattern: "^[A-Za-z0-9][-A-Za-z0-9_.]*$",
        length: 1...255,
        wanted: "a cluster's name or id such as todo-production"
    ) { text in
        let fits = text.utf8.allSatisfy { $0.isLetterOrDigit || "-_.".utf8.contains($0) }
        return fits && text.utf8.first!.isLetterOrDigit
            ? nil : "only letters, digits, _, - and . may be in it, and a letter or digit first"
    }

    private static let dnsLabel = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"

    /// A kind of objects, perhaps of one API group.
    static let kindName = TextRule(
        pattern: #"^[A-Z][A-Za-z0-9]*(\."# + dnsLabel + ")*$",
        length: 1...253,
        wanted: "a kind such as Deployment or Certificate.cert-manager.io"
    ) { text in
        let parts = text.parts(at: ".")
        guard parts[0].utf8.first?.isUpper == true, parts[0].utf8.allSatisfy(\.isLetterOrDigit) else {
            return "a kind has letters and digits and begins with a capital"
        }
        let fits = parts.dropFirst().allSatisfy { part in
            guard let first = part.utf8.first, let last = part.utf8.last else { return false }
            return first.isLowerOrDigit && last.isLowerOrDigit
                && part.utf8.allSatisfy { $0.isLowerOrDigit || $0 == UInt8(ascii: "-") }
        }
        return fits ? nil : "after the first dot comes the API group, such as cert-manager.io"
    }

    /// Where a field of an object is.
    static let fieldPath = TextRule(
        pattern: #"^([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*$"#,
        length: 1...512,
        wanted: "a field's path such as spec.template.spec.containers.*.image"
    ) { text in
        let fits = text.parts(at: ".").allSatisfy { part in
            part.utf8.elementsEqual("*".utf8) || isFieldName(part)
        }
        return fits ? nil : "between dots comes a field's name, or * for every item of a list"
    }

    /// Where a chart is: inside the repository, or where it is published.
    static let chart = TextRule(
        pattern: "^(https://" + hostAndPort + #"/[^\u0000-\u0020\u007F#?]+\.tgz|"#
            + #"(?!/)(?!(.*/)?\.\.(/|$))(?!.*://)[^\u0000-\u001F\u007F]+)$"#,
        length: 1...1024,
        wanted: "a path inside the repository such as deploy/chart, or an address such as https://example.com/todo-1.2.3.tgz"
    ) { text in
        guard text.holds("://") else { return repositoryPath.complaint(text) }
        guard text.begins(with: "https://"), let url = PlainURL(text) else {
            return "only https:// addresses are read: of a registry or an index, take the address of the archive itself"
        }
        if url.user != nil { return "no user or password may be in it" }
        if text.hasControls || text.utf8.contains(where: { " #?".utf8.contains($0) }) {
            return "no spaces, control characters, # or ? may be in it"
        }
        return url.path.ends(with: ".tgz") && url.path.utf8.count > 5 ? nil : "it must end in the archive's name: NAME.tgz"
    }

    /// A SHA-256 digest (FIPS 180-4).
    static let sha256 = TextRule(pattern: "^[0-9a-f]{64}$", length: 64...64, wanted: "64 hexadecimal digits") { text in
        let fits = text.utf8.allSatisfy { $0.isDigit || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
        return fits ? nil : "only 0-9 and a-f may be in it"
    }

    /// Where a value of a chart is.
    static let valuePath = TextRule(
        pattern: #"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$"#,
        length: 1...512,
        wanted: "a value's path such as image.pullPolicy"
    ) { text in
        text.parts(at: ".").allSatisfy(isFieldName) ? nil : "between dots come letters, digits, _ and -"
    }

    private static func isFieldName(_ text: Substring) -> Bool {
        !text.isEmpty && text.utf8.allSatisfy { $0.isLetterOrDigit || "-_".utf8.contains($0) }
    }

    /// The service of a podman on another machine or in another pod (podman-system-service(1)).
    static let podmanURL = TextRule(
        pattern: #"^(tcp://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?):[1-9][0-9]{0,4}|"#
            + #"unix:///[^\u0000-\u0020\u007F]+|"#
            + #"ssh://([-A-Za-z0-9_.]+@)?"# + hostAndPort + #"/[^\u0000-\u0020\u007F]+)$"#,
        length: 1...1024,
        wanted: "a podman's address such as tcp://builder:8080 or unix:///run/podman/podman.sock"
    ) { text in
        if text.hasControls || text.holds(" ") { return "no spaces or control characters may be in it" }
        if text.begins(with: "unix://") {
            return text.begins(with: "unix:///") && text.utf8.count > 8 ? nil : "a socket's path is absolute: unix:///…"
        }
        guard let url = PlainURL(text), ["tcp", "ssh"].contains(url.scheme) else {
            return "begin with tcp://host:port, unix:/// or ssh://"
        }
        if url.scheme == "tcp" {
            if url.user != nil || !url.path.isEmpty { return "write tcp://host:port and nothing more" }
            return url.host.port == nil ? "the port is missing: tcp://host:port" : nil
        }
        guard url.path.begins(with: "/"), url.path.utf8.count > 1 else { return "the path of the socket is missing" }
        guard let user = url.user else { return nil }
        let isName = !user.isEmpty && user.utf8.allSatisfy { $0.isLetterOrDigit || "-_.".utf8.contains($0) }
        return isName ? nil : "no password may be in it: write the key's file under identity"
    }
}
