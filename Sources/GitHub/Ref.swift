/// Whether `ref` is the full name of a ref that git allows (the rules of `git check-ref-format`) and that starts with
/// `refs/`. Beyond git's rules, no component may start with `-`: such a name could be taken for an option.
public func isFullRef(_ ref: String) -> Bool {
    guard ref.utf8.starts(with: "refs/".utf8) else { return false }
    var previous = UInt8(ascii: "/")
    // How much of ".lock", the suffix of git's lock files, the component ends with.
    var lockSuffix = 0
    for byte in ref.utf8 {
        switch (previous, byte) {
        case (UInt8(ascii: "/"), UInt8(ascii: "/")), (UInt8(ascii: "/"), UInt8(ascii: ".")),
            (UInt8(ascii: "/"), UInt8(ascii: "-")), (UInt8(ascii: "."), UInt8(ascii: ".")),
            (UInt8(ascii: "@"), UInt8(ascii: "{")):
            return false
        case (_, UInt8(ascii: "/")) where lockSuffix == 5: return false
        default: break
        }
        guard isAllowed(byte) else { return false }
        switch (lockSuffix, byte) {
        case (_, UInt8(ascii: ".")): lockSuffix = 1
        case (1, UInt8(ascii: "l")), (2, UInt8(ascii: "o")), (3, UInt8(ascii: "c")), (4, UInt8(ascii: "k")):
            lockSuffix += 1
        default: lockSuffix = 0
        }
        previous = byte
    }
    return previous != UInt8(ascii: "/") && previous != UInt8(ascii: ".") && lockSuffix != 5
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
