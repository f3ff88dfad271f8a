import CGit2
import Glibc

/// The pack files of a mirror. Every fetch leaves one, and each costs every later look-up a little.
enum Packs {
    /// So many small packs are gathered into one.
    static let mostSmallPacks = 32
    /// Larger ones are left alone: writing them anew would cost more than it gives.
    static let smallPack: Int64 = 16 << 20

    /// Replaces the small packs by one where there are too many. The objects stay the same, reachable or not. Call it
    /// only while nobody else uses the mirror.
    static func gather(in path: String, job: Job) throws {
        let folder = path + "/objects/pack"
        let small = names(inFolder: folder).filter { name in
            guard name.hasPrefix("pack-"), name.hasSuffix(".pack") else { return false }
            return size("\(folder)/\(name)") < smallPack
        }
        guard small.count > mostSmallPacks else { return }
        let stems = small.map { String($0.dropLast(".pack".count)) }
        let kept = try Repository.with(path) { repository in
            try write(stems.map { "\(folder)/\($0).idx" }, into: folder, of: repository, job: job)
        }
        for stem in stems where stem != kept {
            // The index first: a pack without one is ignored, an index without its pack is an error.
            for suffix in [".idx", ".pack"] { unlink("\(folder)/\(stem)\(suffix)") }
        }
    }

    /// Writes one pack of all that the given indexes list, and returns its name without the suffix.
    private static func write(
        _ indexes: [String],
        into folder: String,
        of repository: Repository,
        job: Job
    ) throws -> String {
        var builder: OpaquePointer?
        try check("cannot gather packs", git_packbuilder_new(&builder, repository.pointer))
        defer { git_packbuilder_free(builder) }
        for index in indexes {
            try job.check()
            for var id in try ids(in: index) {
                try check("cannot gather packs", git_packbuilder_insert(builder, &id, nil))
            }
        }
        let status = git_packbuilder_write(
            builder,
            folder,
            0o444,
            { _, payload in
                // Not nil: it is the job that is handed over below.
                let job = Unmanaged<Job>.fromOpaque(payload!).takeUnretainedValue()
                return job.reasonToStop() == nil ? 0 : GIT_EUSER.rawValue
            },
            Unmanaged.passUnretained(job).toOpaque()
        )
        try check("cannot gather packs", status)
        guard let name = git_packbuilder_name(builder) else { throw GitError(.corrupt, "the new pack has no name") }
        return "pack-" + String(cString: name)
    }

    /// The ids of all objects in the pack with this index.
    private static func ids(in index: String) throws -> [git_oid] {
        var objects: OpaquePointer?
        try check("cannot gather packs", git_odb_new(&objects))
        defer { git_odb_free(objects) }
        var backend: UnsafeMutablePointer<git_odb_backend>?
        try check("cannot read \(index)", git_odb_backend_one_pack(&backend, index))
        try check("cannot read \(index)", git_odb_add_backend(objects, backend, 1))
        var found: [git_oid] = []
        try withUnsafeMutablePointer(to: &found) { list in
            let status = git_odb_foreach(
                objects,
                { id, payload in
                    guard let id, let payload else { return GIT_ERROR.rawValue }
                    payload.assumingMemoryBound(to: [git_oid].self).pointee.append(id.pointee)
                    return 0
                },
                list
            )
            try check("cannot read \(index)", status)
        }
        return found
    }

    /// Removes what a killed process has left, in the mirror and in those of its submodules.
    static func sweep(_ path: String) {
        let folder = path + "/objects/pack"
        for name in names(inFolder: folder) where name.hasPrefix("pack_git2_") || name.hasSuffix(".lock") {
            unlink("\(folder)/\(name)")
        }
        for name in names(inFolder: path) where name.hasSuffix(".lock") { unlink("\(path)/\(name)") }
        sweepLocks(path + "/refs")
        for name in names(inFolder: path + "/modules") { sweep("\(path)/modules/\(name)") }
    }

    private static func sweepLocks(_ folder: String) {
        for name in names(inFolder: folder) {
            if name.hasSuffix(".lock") { unlink("\(folder)/\(name)") } else { sweepLocks("\(folder)/\(name)") }
        }
    }

    private static func size(_ path: String) -> Int64 {
        var information = stat()
        return stat(path, &information) == 0 ? Int64(information.st_size) : 0
    }
}
