import Glibc
import HTTPClient
import Testing

@testable import Pipelines

/// A podman, a registry and a target of a test's own, with two versions of a small service in the registry.
struct TargetRoom: Sendable {
    let podman: Podman
    let registry: EmbeddedRegistry
    let target: PodmanTarget
    let client: HTTPClient
    /// Version → what was pushed.
    let images: [Int: PushedImage]

    static let environment = "todo"

    /// The service: `/version` says which one it is, `/healthz` is there, `/cgi-bin/show` shows environment and files.
    /// As its environment has it, it crashes, or has no `/healthz`.
    private static let program = """
        #!/bin/sh
        echo "service $MODE starting"
        if [ "$MODE" = crash ]; then echo "cannot start: no database" >&2; exit 3; fi
        if [ "$MODE" = once ]; then echo "migrating with $TOKEN"; exit "$CODE"; fi
        if [ "$MODE" = sick ]; then root=/sick; else root=/www; fi
        trap 'exit 0' TERM
        /bin/busybox httpd -f -p 8080 -h $root &
        wait

        """
    private static let show = """
        #!/bin/sh
        printf 'Content-Type: text/plain\\r\\n\\r\\n'
        /bin/busybox env
        for file in /data/* /one; do if [ -f "$file" ]; then echo "$file=$(/bin/busybox cat "$file")"; fi; done
        /bin/busybox id
        /bin/busybox touch /root-is-writable 2>&1
        /bin/busybox ls -ln /scratch 2>&1
        /bin/busybox cat /scratch/made 2>&1
        /bin/busybox cat /proc/self/status | /bin/busybox grep -E 'Cap(Eff|Bnd)|NoNewPrivs'

        """

    private static let slow = """
        #!/bin/sh
        printf 'Content-Type: text/plain\\r\\n\\r\\n'
        name=$(/bin/busybox hostname)
        /bin/busybox sleep 2
        printf 'began in %s' "${name%-*}"

        """

    static func with(_ body: (TargetRoom) async throws -> Void) async throws {
        try await withRegistry { registry, podman in
            let folder = try TestFolder()
            defer { withExtendedLifetime(folder) {} }
            let client = HTTPClient()
            defer { client.close() }
            let target = try PodmanTarget(
                podman: podman,
                folder: "\(folder.path)/target",
                authFile: registry.authFile,
                client: client
            )
            do {
                let images = try await push([1, 2], registry, podman)
                try await body(
                    TargetRoom(podman: podman, registry: registry, target: target, client: client, images: images)
                )
            } catch {
                await target.removeAll()
                throw error
            }
            await target.removeAll()
        }
    }

    private static func push(
        _ versions: [Int],
        _ registry: EmbeddedRegistry,
        _ podman: Podman
    ) async throws -> [Int: PushedImage] {
        let room = try TestFolder()
        let busybox = try #require(SmallFile.read("/bin/busybox"), "busybox-static is not installed")
        try SmallFile.makeFolder("\(room.path)/context/bin")
        for name in ["busybox", "sh"] {
            try SmallFile.write(busybox, to: "\(room.path)/context/bin/\(name)", mode: 0o755)
        }
        try room.write(program, to: "context/service", mode: 0o755)
        try room.write(show, to: "context/www/cgi-bin/show", mode: 0o755)
        try room.write(slow, to: "context/www/cgi-bin/slow", mode: 0o755)
        try room.write("ok", to: "context/www/healthz")
        try room.write("sick", to: "context/sick/version")
        try room.write(
            "FROM scratch\nCOPY . /\nUSER 1000\nENTRYPOINT [\"/bin/sh\", \"/service\"]\n",
            to: "Dockerfile"
        )
        var images: [Int: PushedImage] = [:]
        for version in versions {
            try room.write("version \(version)", to: "context/www/version")
            let id = try await podman.lines([
                "build", "--quiet", "--layers=false", "--isolation", "chroot", "--file", "\(room.path)/Dockerfile",
                "\(room.path)/context",
            ])
            let repository = "\(registry.address)/todo/backend"
            let digest = try await pusher(registry, podman).push(
                try #require(id.last),
                to: repository,
                log: CollectedLog(),
                deadline: .seconds(60)
            )
            images[version] = PushedImage(
                name: "backend",
                origin: .built,
                key: "",
                digest: digest,
                reference: "\(repository)@\(digest)"
            )
        }
        return images
    }

    private static func pusher(_ registry: EmbeddedRegistry, _ podman: Podman) -> ImagePusher {
        ImagePusher(
            podman: podman,
            authFile: registry.authFile,
            access: { _ in ("http", []) },
            ask: { _, _, _ in (404, []) }
        )
    }

    var pusher: ImagePusher { Self.pusher(registry, podman) }

    // MARK: - Releases

    /// A release of the service.
    func body(
        _ version: Int,
        container: String = "",
        pod: String = "",
        replicas: Int = 1,
        more: String = "",
        before: String? = nil,
        secrets: [String: [UInt8]] = [:],
        readiness: String = Self.readiness
    ) throws -> ReleaseBody {
        let web = ManifestSample.deployment(
            pod: pod,
            container: "ports: [{ containerPort: 8080, name: http }]\n\(readiness)\n\(container)",
            spec: "replicas: \(replicas)"
        )
        let service = ManifestSample.service(ports: "[{ port: 80, targetPort: http }]")
        var files = ["deploy/web.yaml": web + "---\n" + service + more]
        files["before.yaml"] = before
        let image = try #require(images[version])
        return try ManifestSample(files).render([image], before: before == nil ? nil : "before.yaml", secrets: secrets)
            .body
    }

    static let readiness = "readinessProbe: { httpGet: { path: /healthz, port: http }, periodSeconds: 1 }"

    func apply(
        _ body: ReleaseBody,
        _ release: Int64,
        previous: Int64? = nil,
        environment: String = Self.environment,
        log: any StageLog = CollectedLog(),
        seconds: Int = 60
    ) async throws -> [ServiceEndpoint] {
        try await target.apply(
            body,
            release: release,
            environment: environment,
            previous: previous,
            log: log,
            deadline: .now + .seconds(seconds)
        )
    }

    func undo(_ release: Int64, to previous: (Int64, ReleaseBody)?, log: any StageLog = CollectedLog()) async throws
        -> String
    {
        try await target.undo(
            environment: Self.environment,
            release: release,
            to: previous,
            log: log,
            deadline: .now + .seconds(60)
        )
    }

    func retire(keeping release: Int64) async throws {
        try await target.retire(environment: Self.environment, keeping: release, log: CollectedLog())
    }

    // MARK: - What a client sees

    func get(_ path: String, _ endpoints: [ServiceEndpoint]) async throws -> (status: Int, body: String) {
        let address = try #require(endpoints.first).address
        let response = try await client.send(HTTPRequest(url: "http://\(address)\(path)", deadline: .seconds(10)))
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    func version(_ endpoints: [ServiceEndpoint]) async throws -> String { try await get("/version", endpoints).body }

    /// Names of all pods.
    func pods() async throws -> [String] { try await target.engine.pods().map(\.name.description) }
}

/// Asks without pause, some clients on kept connections and some on new ones.
final class Clients: Sendable {
    private let task: Task<Void, Never>
    private let seen = Locked<[String: Int]>([:])

    init(_ address: String, _ client: HTTPClient) {
        let seen = seen
        task = Task {
            await withTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        let headers = number % 2 == 0 ? [("Connection", "close")] : []
                        let request = HTTPRequest(
                            url: "http://\(address)/version",
                            headers: headers,
                            deadline: .seconds(60)
                        )
                        while !Task.isCancelled {
                            let answer: String
                            do {
                                let response = try await client.send(request)
                                let body = String(decoding: response.body, as: UTF8.self)
                                answer = response.status == 200 ? body : "status \(response.status)"
                            } catch let error as HTTPClientError where error.code == .cancelled {
                                break
                            } catch {
                                answer = "\(error)"
                            }
                            seen.withLock { $0[answer, default: 0] += 1 }
                        }
                    }
                }
            }
        }
    }

    /// Returns when an answer was given so often, or after 30 s.
    func wait(for answer: String, times: Int = 20) async {
        let before = seen.withLock { $0[answer] ?? 0 }
        let end = ContinuousClock.now + .seconds(30)
        while seen.withLock({ $0[answer] ?? 0 }) < before + times, ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Answer → how often.
    func stop() async -> [String: Int] {
        task.cancel()
        await task.value
        return seen.withLock { $0 }
    }
}
