/// Whether `ref` is the full name of a ref that git allows (the rules of `git check-ref-format`) and that starts with
/// `refs/`. Beyond git's rules, no component may start with `-`: such a name could be taken for an option.
public func isFullRef(_ ref: String) -> Bool {
    guard ref.hasPrefix("refs/"), !ref.hasSuffix("."), !ref.contains("@{") else { return false }
    guard ref.utf8.allSatisfy(isAllowed) else { return false }
    return ref.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy { component in
        switch component.first {
        case nil, UInt8(ascii: "."), UInt8(ascii: "-"): return false
        default: break
        }
        // Two dots in a row, and the suffix of git's lock files.
        let dots = zip(component, component.dropFirst()).contains { $0 == UInt8(ascii: ".") && $1 == UInt8(ascii: ".") }
        return !dots && !component.suffix(5).elementsEqual(".lock".utf8)
    }
}

private func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case 0...0x20, 0x7f: false
    case UInt8(ascii: "~"), UInt8(ascii: "^"), UInt8(ascii: ":"), UInt8(ascii: "?"), UInt8(ascii: "*"),
        UInt8(ascii: "["), UInt8(ascii: "\\"):
        false
    default: true
    }
}
