import HTTPClient
import HTTPServer
import Kubernetes
import Signing
import TestBackend
import Testing

@testable import Pipelines

private let hasTools = RenderRoom.has("helm") && Kustomize.programs.contains(where: RenderRoom.has)

@Suite("A published chart")
struct ChartSourceTests {
    private static func files(_ colour: String) -> [String: String] {
        [
            "todo/Chart.yaml": "apiVersion: v2\nname: todo\nversion: 1.2.3\n",
            "todo/values.yaml": "colour: \(colour)\n",
            "todo/crds/thing.yaml": """
            apiVersion: apiextensions.k8s.io/v1
            kind: CustomResourceDefinition
            metadata: { name: things.example.com }

            """,
            "todo/templates/web.yaml": """
            apiVersion: v1
            kind: ConfigMap
            metadata: { name: {{ .Release.Name }}-web, namespace: {{ .Release.Namespace }} }
            data: { colour: {{ .Values.colour }} }

            """,
        ]
    }

    /// The chart as `helm package` packs it.
    static func archive(colour: String = "red") async throws -> [UInt8] {
        let folder = try TestFolder()
        for (path, text) in files(colour) { try folder.write(text, to: path) }
        let made = try await ChildProcess(ledger: nil, run: nil).run(
            "/usr/bin/env",
            ["tar", "-czf", "\(folder.path)/todo.tgz", "-C", folder.path, "todo"],
            deadline: .seconds(30)
        ) { _ in }
        #expect(made.succeeded, "\(made.tail)")
        return try readFile("\(folder.path)/todo.tgz", atMost: 1 << 20)
    }

    /// Fetches from a server that gives these answers, without more than one try.
    private static func fetch(
        _ answers: [Response],
        sha256: String? = nil,
        limits: Limits = Limits(),
        log: CollectedLog = CollectedLog()
    ) async throws -> ChartArchive {
        let backend = try TestBackend { number, _ in answers[min(number, answers.count - 1)] }
        let source = ChartSource(client: HTTPClient(), limits: limits)
        do {
            let archive = try await source.fetch(backend.url + "/todo-1.2.3.tgz", sha256: sha256, log: log)
            await backend.stop()
            return archive
        } catch {
            await backend.stop()
            throw error
        }
    }

    @Test("is what its digest says, also behind a redirect")
    func fetched() async throws {
        let bytes = try await Self.archive()
        let log = CollectedLog()
        let answers = [
            Response(status: 302, headers: [("Location", "/elsewhere/todo.tgz")], body: .bytes(Array("moved".utf8))),
            Response(body: .bytes(bytes)),
        ]
        let archive = try await Self.fetch(answers, sha256: SHA256Digest.hex(bytes), log: log)
        #expect(archive.bytes == bytes)
        #expect(log.text.contains("todo-1.2.3.tgz: \(bytes.count) bytes, sha256 \(archive.sha256)"), "\(log.text)")
    }

    @Test("that is not what was wanted is refused, with what to do")
    func refused() async throws {
        let bytes = try await Self.archive()
        let bomb = gzip([UInt8](repeating: 0, count: ChartArchive.maximumUnpacked + 1))
        var small = Limits()
        small.chartBytes = bytes.count - 1
        let cases: [(answer: Response, sha256: String?, limits: Limits, code: String, words: String)] = [
            (
                .init(body: .bytes(bytes)), String(repeating: "0", count: 64), .init(), "chart-changed",
                "write the new sha256 under deploy.helm"
            ),
            (.init(body: .bytes(bytes)), nil, small, "chart-too-large", "raise chartBytes"),
            (.init(body: .bytes(bomb)), nil, .init(), "chart-too-large", "unpacks to more than 100 MiB"),
            (.init(body: .bytes(Array("<html>".utf8))), nil, .init(), "chart-invalid", "one gzip file"),
            (.init(body: .bytes(bytes.dropLast(4))), nil, .init(), "chart-invalid", "one gzip file"),
            // What helm would read on, and nobody has counted.
            (.init(body: .bytes(bytes + bomb)), nil, .init(), "chart-invalid", "one gzip file"),
            (.init(status: 404), nil, .init(), "chart-missing", "mend deploy.helm.chart"),
        ]
        for (answer, sha256, limits, code, words) in cases {
            let error = await #expect(throws: StageError.self) {
                _ = try await Self.fetch([answer], sha256: sha256, limits: limits)
            }
            #expect(error?.outcome == .failed && error?.reason.code == code, "\(code): \(error?.reason.code ?? "")")
            #expect(error?.reason.message.contains(words) == true, "\(error?.reason.message ?? "")")
        }
    }

    @Test("is asked for again while its server is not well")
    func triedAgain() async throws {
        let bytes = try await Self.archive()
        let log = CollectedLog()
        let answers = [
            Response(status: 503), Response(body: .bytes(bytes)),
        ]
        #expect(try await Self.fetch(answers, log: log).bytes == bytes)
        #expect(log.text.contains("it answers 503; see whether it can be reached"), "\(log.text)")
    }

    @Test("is not asked for where a cloud keeps its credentials")
    func metadata() async throws {
        let source = ChartSource(client: HTTPClient(), limits: Limits())
        let error = await #expect(throws: StageError.self) {
            _ = try await source.fetch("http://169.254.169.254/todo.tgz", sha256: nil, log: CollectedLog())
        }
        #expect(error?.reason.code == "chart-address", "\(error?.reason.code ?? "")")
    }

    @Test("is rendered with its definitions and what the repository adds", .enabled(if: hasTools, "no tools"))
    func rendered() async throws {
        let bytes = try await Self.archive()
        let room = try RenderRoom([
            "blue.yaml": "colour: blue\n",
            "more/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: more }\n",
            "most/kustomization.yaml": """
            generatorOptions: { disableNameSuffixHash: true }
            configMapGenerator: [{ name: most }]
            """,
        ])
        try await SecureServer.with(days: 30, serving: ["todo-1.2.3.tgz": bytes]) { server in
            let helm = Definition.Helm(
                chart: server.url + "todo-1.2.3.tgz",
                values: ["blue.yaml"],
                set: [:],
                release: "shop",
                manifests: ["more"],
                kustomize: "most"
            )
            let client = HTTPClient(configuration: .init(caFile: server.caFile))
            let digest = SHA256Digest.hex(bytes)
            let read = try await room.read(.helm(helm), client: client, chartSHA256: digest)
            #expect(
                read.summary == [
                    "CustomResourceDefinition things.example.com @ todo/crds/thing.yaml",
                    "ConfigMap shop-web @ todo/templates/web.yaml", "ConfigMap more @ more/a.yaml:1",
                    "ConfigMap most @ kustomize most:1",
                ]
            )
            #expect(read.objects[1].object["data"] == ["colour": "blue"])
            #expect(SmallFile.names(in: room.scratch.path) == [])

            let other = String(digest.reversed())
            let error = await #expect(throws: StageError.self) {
                _ = try await room.read(.helm(helm), client: client, chartSHA256: other)
            }
            #expect(error?.reason.code == "chart-changed")
        }
    }
}
