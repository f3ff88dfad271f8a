import FoundationEssentials

/// The files that come with the program: the page, the API's description, the demo's sample.
enum Share {
    struct NotFound: Error, CustomStringConvertible {
        let description =
            "the folder with web-static is not found: set FAIRLEAD_SHARE, or start fairlead in its source folder"
    }

    /// `FAIRLEAD_SHARE`, else `share/fairlead` beside the program's folder, else the nearest folder above the
    /// program or the working folder that has `web-static`.
    static func find() throws -> String {
        var candidates: [String] = []
        if let given = ProcessInfo.processInfo.environment["FAIRLEAD_SHARE"] { candidates.append(given) }
        let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        candidates.append(contentsOf: above(program).map { "\($0)/share/fairlead" })
        candidates.append(contentsOf: above(program))
        candidates.append(contentsOf: above(FileManager.default.currentDirectoryPath + "/."))
        guard
            let found = candidates.first(where: {
                FileManager.default.fileExists(atPath: "\($0)/web-static/index.html")
            })
        else { throw NotFound() }
        return found
    }

    /// The folders above `path`, nearest first.
    private static func above(_ path: String) -> [String] {
        var folders: [String] = []
        var rest = Substring(path)
        while let slash = rest.lastIndex(of: "/") {
            rest = rest[..<slash]
            if !rest.isEmpty { folders.append(String(rest)) }
        }
        return folders
    }
}
