import Glibc

/// The volumes of one pod: a folder that only root reaches. What is mounted into containers lies inside it and can be
/// read by whoever runs there.
///
/// It is on the disk and not in memory, because pods are started again after the machine was.
struct PodFolder {
    /// The pod that the volumes belong to, also while its init containers run in pods of their own.
    let owner: PodName
    let path: String
    private let spec: PodSpec

    /// - Parameter root: `DATA/target/pods`.
    init(_ owner: PodName, root: String, spec: PodSpec) {
        self.owner = owner
        self.path = "\(root)/\(owner)"
        self.spec = spec
    }

    /// Where a mount comes from on this machine. Files of ConfigMaps and Secrets are never writable.
    func path(of mount: ContainerSpec.Mount) -> (path: String, isFile: Bool, isReadOnly: Bool) {
        let volume = spec.volumes.first { $0.name == mount.volume }
        let path = "\(path)/\(mount.volume)" + (mount.subPath.map { "/\($0)" } ?? "")
        guard let files = volume?.files else { return (path, false, false) }
        return (path, files.contains { $0.path == mount.subPath }, true)
    }

    /// Makes the folder anew.
    func write() throws {
        SmallFile.remove(path)
        try SmallFile.makeFolder(path, mode: 0o700)
        for volume in spec.volumes {
            if let files = volume.files { try write(files, of: volume.name) } else { try makeEmpty(volume.name) }
        }
    }

    func remove() { SmallFile.remove(path) }

    private func makeEmpty(_ volume: String) throws {
        let mounts = spec.allContainers.flatMap(\.mounts).filter { $0.volume == volume }
        try makeWritable("\(path)/\(volume)")
        for case let subPath? in Set(mounts.map(\.subPath)).sorted(by: { ($0 ?? "") < ($1 ?? "") }) {
            try makeWritable("\(path)/\(volume)/\(subPath)")
        }
    }

    /// Everybody in the pod may write, as Kubernetes has it.
    private func makeWritable(_ folder: String) throws {
        try SmallFile.makeFolder(folder)
        try own(folder, mode: spec.fsGroup == nil ? 0o777 : 0o2777)
    }

    private func write(_ files: [VolumeSpec.File], of volume: String) throws {
        let root = "\(path)/\(volume)"
        try SmallFile.makeFolder(root)
        try own(root, mode: 0o755)
        for file in files {
            guard let bytes = Base64.decode(file.content) else {
                throw StageError(.errored, "release-unreadable", "The recorded release holds a file that is not base64")
            }
            var folder = root
            for part in file.path.split(separator: "/").dropLast() {
                folder += "/\(part)"
                try SmallFile.makeFolder(folder)
                try own(folder, mode: 0o755)
            }
            try SmallFile.write(bytes, to: "\(root)/\(file.path)", mode: 0o600)
            // Kubernetes lets the group read what it owns.
            try own("\(root)/\(file.path)", mode: mode_t(file.mode) | (spec.fsGroup == nil ? 0 : 0o440))
        }
        // A sub path that no file has is an empty folder, as in Kubernetes.
        let mounts = spec.allContainers.flatMap(\.mounts).filter { $0.volume == volume }
        for case let subPath? in mounts.map(\.subPath) where !SmallFile.exists("\(root)/\(subPath)") {
            try SmallFile.makeFolder("\(root)/\(subPath)")
        }
    }

    /// The umask of the server may not decide.
    private func own(_ path: String, mode: mode_t) throws {
        let group = spec.fsGroup.map(gid_t.init) ?? gid_t.max
        guard chown(path, uid_t.max, group) == 0, chmod(path, mode) == 0 else {
            throw StageError(
                .errored,
                "file-create-failed",
                "Cannot set the mode of \(path): \(String(cString: strerror(errno)))"
            )
        }
    }
}

extension PodSpec {
    var allContainers: [ContainerSpec] { initContainers + containers }
}
