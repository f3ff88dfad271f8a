import FoundationEssentials

/// Removes what a data folder has on this machine outside of itself: pods, the proxy, networks, mounted storage.
public enum Teardown {
    /// Call it when no server uses the folder. It is for the demo and the tests; nothing in normal work calls it.
    public static func removeEverything(dataFolder: String) async {
        await endChildren(dataFolder)
        guard FileManager.default.fileExists(atPath: "\(dataFolder)/podman"),
            let podman = try? Podman(folder: "\(dataFolder)/podman", insecureRegistries: nil)
        else { return }
        if let target = try? PodmanTarget(
            podman: podman,
            folder: "\(dataFolder)/target",
            authFile: "\(dataFolder)/registries.json"
        ) {
            await target.removeAll()
        }
        try? await podman.removeAll()
    }

    /// Ends what a server that was killed has left running.
    private static func endChildren(_ dataFolder: String) async {
        guard FileManager.default.fileExists(atPath: "\(dataFolder)/fairlead.db"),
            let history = try? History.open(folder: dataFolder)
        else { return }
        await ChildProcess.endStale((try? await history.staleChildren(epoch: .max)) ?? [])
        try? history.close()
    }
}
