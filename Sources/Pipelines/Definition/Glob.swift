/// Whether a path (or the name of a tag) matches a pattern: `*` stands for any characters but `/`, `?` for one of them,
/// `**` for any characters, and `**/` also for nothing, so that `**/Makefile` matches the one in the root. Everything
/// else stands for itself.
///
/// Time is bounded by the product of the two lengths, whatever the pattern.
public func globMatches(_ pattern: String, _ path: String) -> Bool {
    let parts = globParts(Array(pattern.unicodeScalars))
    // reached[i]: the first i parts match what was read of the path so far.
    var reached = [Bool](repeating: false, count: parts.count + 1)
    reached[0] = true
    passWildcards(parts, &reached, afterSlash: true)
    for scalar in path.unicodeScalars {
        var next = [Bool](repeating: false, count: parts.count + 1)
        for (index, part) in parts.enumerated() where reached[index] {
            switch part {
            case .one(let wanted): if wanted == scalar { next[index + 1] = true }
            case .any: if scalar != "/" { next[index + 1] = true }
            case .name: if scalar != "/" { next[index] = true }
            case .path, .folders: next[index] = true
            }
        }
        passWildcards(parts, &next, afterSlash: scalar == "/")
        reached = next
    }
    return reached[parts.count]
}

private enum GlobPart: Equatable {
    case one(Unicode.Scalar)
    /// `?`
    case any
    /// `*`
    case name
    /// `**`
    case path
    /// `**/` at the beginning or after a slash: nothing, or whole folders.
    case folders
}

private func globParts(_ scalars: [Unicode.Scalar]) -> [GlobPart] {
    var parts: [GlobPart] = []
    var index = 0
    while index < scalars.count {
        switch scalars[index] {
        case "?": parts.append(.any)
        case "*":
            let first = index
            while index + 1 < scalars.count, scalars[index + 1] == "*" { index += 1 }
            let begins = first == 0 || scalars[first - 1] == "/"
            if index == first {
                parts.append(.name)
            } else if begins, index + 1 < scalars.count, scalars[index + 1] == "/" {
                index += 1
                parts.append(.folders)
            } else {
                parts.append(.path)
            }
        default: parts.append(.one(scalars[index]))
        }
        index += 1
    }
    return parts
}

/// Wildcards may stand for nothing; whole folders end only after a slash.
private func passWildcards(_ parts: [GlobPart], _ reached: inout [Bool], afterSlash: Bool) {
    for (index, part) in parts.enumerated() where reached[index] {
        switch part {
        case .name, .path: reached[index + 1] = true
        case .folders: if afterSlash { reached[index + 1] = true }
        case .one, .any: break
        }
    }
}
