import Testing

@testable import Pipelines

@Suite("Environment and volumes of containers")
struct EnvironmentTests {
    private static let data = """
        apiVersion: v1
        kind: ConfigMap
        metadata: { name: settings }
        data: { COLOUR: blue, bad key: x, SIZE: "12" }
        binaryData: { blob: /+8= }
        ---
        apiVersion: v1
        kind: Secret
        metadata: { name: keys }
        data: { token: czNjcmV0, both: b2xk }
        stringData: { both: new }
        ---

        """.replacing("bad key: x, ", with: "")

    private func container(_ fields: String, pod: String = "") throws -> PodSpec {
        let text = Self.data + ManifestSample.deployment(pod: pod, container: fields)
        return try #require(try render(text, secrets: ["URL": Array("db://x".utf8)]).body.deployments.first?.pod)
    }

    private func variables(_ fields: String) throws -> [String: String] {
        let spec = try #require(try container(fields).containers.first)
        let expansion = EnvironmentExpansion(spec.environment, podName: "todo-web-r1-0")
        return Dictionary(uniqueKeysWithValues: expansion.variables.map { ($0.name, $0.value) })
    }

    @Test("values come from ConfigMaps, Secrets, the pipeline's secrets and the pod's own name")
    func sources() throws {
        let found = try variables(
            """
            envFrom: [{ prefix: S_, secretRef: { name: keys } }, { configMapRef: { name: none, optional: true } }]
            env:
              - { name: A, valueFrom: { configMapKeyRef: { name: settings, key: COLOUR } } }
              - { name: B, valueFrom: { secretKeyRef: { name: keys, key: token } } }
              - { name: C, valueFrom: { secretKeyRef: { name: todo-secrets, key: URL } } }
              - { name: D, valueFrom: { secretKeyRef: { name: keys, key: none, optional: true } } }
              - { name: N, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
              - { name: NS, valueFrom: { fieldRef: { fieldPath: metadata.namespace } } }
              - { name: S_token, value: over }
            """
        )
        #expect(
            found == [
                "S_token": "over", "S_both": "new", "A": "blue", "B": "s3cret", "C": "db://x", "N": "todo-web-r1-0",
                "NS": "todo",
            ]
        )
    }

    @Test("references to variables are put in as Kubernetes does")
    func references() throws {
        let found = try variables(
            """
            env:
              - { name: HOST, value: db }
              - { name: URL, value: "http://$(HOST):$(PORT)/$$(HOST)/$$$(HOST)/$(LATER)/$(" }
              - { name: LATER, value: x }
              - { name: RAW, valueFrom: { configMapKeyRef: { name: settings, key: COLOUR } } }
            """
        )
        #expect(found["URL"] == "http://db:$(PORT)/$(HOST)/$db/$(LATER)/$(")
        let expansion = EnvironmentExpansion(
            [EnvironmentVariable(name: "A", value: .resolved("$(A) $$"))],
            podName: "p"
        )
        #expect(expansion.expand("$(A)") == "$(A) $$")
    }

    @Test(
        "what is missing is an error that names it, unless it is optional",
        arguments: [
            ("env: [{ name: X, valueFrom: { secretKeyRef: { name: none, key: a } } }]", "Secret 'none'"),
            (
                "env: [{ name: X, valueFrom: { secretKeyRef: { name: keys, key: none } } }]",
                "the key 'none', which Secret 'keys'"
            ),
            ("env: [{ name: X, valueFrom: { configMapKeyRef: { name: none, key: a } } }]", "ConfigMap 'none'"),
            ("envFrom: [{ configMapRef: { name: none } }]", "ConfigMap 'none'"),
            ("env: [{ name: X, valueFrom: { configMapKeyRef: { name: settings, key: blob } } }]", "are not text"),
            ("env: [{ name: X, valueFrom: { fieldRef: { fieldPath: status.podIP } } }]", "'status.podIP'"),
        ]
    )
    func missing(fields: String, message: String) throws {
        let error = try #require(refusal(Self.data + ManifestSample.deployment(container: fields)))
        #expect(error.outcome == .failed)
        #expect(error.reason.message.contains(message), "\(error.reason.message)")
        #expect(error.reason.message.contains("Deployment web"))
    }

    @Test("volumes hold the files of their sources with their modes")
    func volumes() throws {
        let pod = try container(
            "volumeMounts: [{ name: all, mountPath: /all }]",
            pod: """
                volumes:
                  - name: all
                    projected:
                      defaultMode: 0400
                      sources:
                        - secret: { name: keys }
                        - configMap: { name: settings, items: [{ key: COLOUR, path: a/b, mode: 292 }] }
                  - { name: gone, secret: { secretName: none, optional: true } }
                  - { name: tmp, emptyDir: {} }
                """
        )
        let all = try #require(pod.volumes.first { $0.name == "all" }?.files)
        #expect(all.map(\.path) == ["a/b", "both", "token"])
        #expect(all.map(\.mode) == [0o444, 0o400, 0o400])
        #expect(
            all.map { Base64.decode($0.content).map { String(decoding: $0, as: UTF8.self) } } == [
                "blue", "new", "s3cret",
            ]
        )
        #expect(pod.volumes.first { $0.name == "gone" }?.files == [])
        #expect(pod.volumes.first { $0.name == "tmp" }?.files == nil)
    }

    @Test(
        "amounts",
        arguments: [
            ("64Mi", 67_108_864_000), ("1", 1000), ("500m", 500), ("0.5", 500), ("1e3", 1_000_000),
            ("1Gi", 1_073_741_824_000),
            ("2k", 2_000_000), ("1E2", 100_000),
        ]
    )
    func amounts(text: String, thousandths: Int) { #expect(Quantity(text)?.thousandths == thousandths) }

    @Test("no amounts", arguments: ["", "Mi", "1.2.3", "-1", "1mi", "1 Mi", "1e99", "99999999999999999999", "0x10"])
    func noAmounts(text: String) { #expect(Quantity(text) == nil) }

    @Test("names of pods fit a host's name and stay apart")
    func names() {
        let short = PodName(namespace: "todo", workload: "web.api", release: 12, suffix: "0")
        #expect(short.description == "todo-web-api-r12-0")
        let long = (0..<2).map {
            PodName(
                namespace: "todo",
                workload: String(repeating: "x", count: 80) + "\($0)",
                release: .max,
                suffix: "49-init3"
            )
        }
        #expect(long.allSatisfy { $0.description.utf8.count <= 63 && $0.description.hasSuffix("-49-init3") })
        #expect(long[0] != long[1])
    }
}
