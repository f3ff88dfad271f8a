/// Runs programs where podman's containers are: on this machine, or where a podman elsewhere is.
protocol ContainerHost: Sendable {
    /// - Returns: how it ended, and what it wrote to standard output.
    func output(of program: String, _ arguments: [String], input: [UInt8]?) async throws -> (
        ChildResult, stdout: [UInt8]
    )

    /// The IPv4 name servers that containers are given.
    func nameServers() async throws -> [String]
}

extension ChildProcess: ContainerHost {
    func output(of program: String, _ arguments: [String], input: [UInt8]?) async throws -> (
        ChildResult, stdout: [UInt8]
    ) {
        try await capture(program, arguments, input: input, deadline: .seconds(20))
    }

    func nameServers() async throws -> [String] { NetworkFirewall.nameServers() }
}

/// The machine or pod of a podman elsewhere, reached through that podman and nothing else: a container on the machine's
/// own root file system, under a layer that is thrown away, and in its network. So it needs no agent of ours there, only
/// what podman itself needs: sh, iptables.
struct RemoteHost: ContainerHost {
    private let podman: Podman

    init(_ podman: Podman) { self.podman = podman }

    func output(of program: String, _ arguments: [String], input: [UInt8]?) async throws -> (
        ChildResult, stdout: [UInt8]
    ) {
        // iptables asks for NET_RAW where it still writes the kernel's older tables.
        let options = ["--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW", "--network", "host"]
        return try await run(program, arguments, options: options, input: input, deadline: .seconds(30))
    }

    func nameServers() async throws -> [String] {
        let (result, text) = try await output(of: "cat", ["/etc/resolv.conf"], input: nil)
        guard result.succeeded else { throw podman.fault("run", result) }
        return NetworkFirewall.nameServers(texts: [String(decoding: text, as: UTF8.self)])
    }

    /// A file of podman's storage there; nil if it is not there.
    ///
    /// - Parameter path: below the graph root.
    func read(_ path: String, in store: RemoteStore) async throws -> [UInt8]? {
        let options = ["--network", "none", "--volume", "\(store.root):/storage:ro"]
        let (result, bytes) = try await run("cat", ["/storage/\(path)"], options: options, deadline: .seconds(30))
        return result.succeeded ? bytes : nil
    }

    /// Ends what is left of a build, and waits until podman there has cleared it away.
    ///
    /// The end of its client does not end a build there: the step goes on, and only its end makes podman see that nobody
    /// waits for it (seen with podman 4.3). So the processes of the step are killed, by the cgroup that they were put in.
    ///
    /// - Parameter mark: the name of that cgroup, which the working containers' records have too.
    /// - Returns: the ids of working containers that podman has not cleared away in time.
    func end(_ mark: String, in store: RemoteStore) async throws -> [String] {
        let options = [
            "--cap-add", "KILL", "--pid", "host", "--network", "none", "--volume", "\(store.root):/storage:ro",
        ]
        let (result, left) = try await run(
            "sh",
            ["-c", Self.ending, "sh", mark, "\(store.driver)-containers"],
            options: options,
            deadline: .seconds(60)
        )
        guard result.succeeded else { throw podman.fault("run", result) }
        return String(decoding: left, as: UTF8.self).split(separator: "\n").map(String.init)
    }

    /// Between two steps there is no process, and between two stages no container: three looks in a row find nothing.
    private static let ending = #"""
        quiet=0 round=0
        while [ "$quiet" -lt 3 ] && [ "$round" -lt 100 ]; do
            round=$((round + 1)) seen=
            for file in /proc/[0-9]*/cgroup; do
                while IFS= read -r line; do
                    case $line in
                    */"$1" | */"$1"/*)
                        pid=${file#/proc/}
                        kill -9 "${pid%/cgroup}" 2>/dev/null
                        seen=1
                        break
                        ;;
                    esac
                done <"$file"
            done 2>/dev/null
            left=$(grep -l "\"CgroupParent\":\"/$1\"" "/storage/$2"/*/userdata/buildah.json 2>/dev/null)
            [ -z "$left" ] || seen=1
            if [ -n "$seen" ]; then quiet=0; else quiet=$((quiet + 1)); fi
            sleep 0.1
        done
        for file in $left; do
            file=${file%/userdata/buildah.json}
            echo "${file##*/}"
        done
        """#

    private func run(
        _ program: String,
        _ arguments: [String],
        options: [String],
        input: [UInt8]? = nil,
        deadline: Duration
    ) async throws -> (ChildResult, stdout: [UInt8]) {
        var command = ["run", "--rm", "--cap-drop", "all", "--http-proxy=false", "--log-driver", "none"]
        if input != nil { command.append("--interactive") }
        command += options + ["--rootfs", "/:O", program]
        return try await podman.capture(command + arguments, input: input, deadline: deadline)
    }
}

/// Where a podman elsewhere keeps its images and containers.
struct RemoteStore: Sendable, Equatable {
    /// Absolute, there.
    let root: String
    /// `overlay`, `vfs`
    let driver: String
}
