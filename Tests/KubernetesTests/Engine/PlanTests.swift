import Kubernetes
import Testing

@Suite(.timeLimit(.minutes(2))) struct PlanTests {
    @Test(arguments: Venue.available)
    func `what would change, field by field, and nothing is changed`(_ venue: Venue) async throws {
        let stage = try await venue.stage()
        func secret(_ value: String) -> JSON {
            ["apiVersion": "v1", "kind": "Secret", "metadata": ["name": "s"], "data": ["password": .string(value)]]
        }
        _ = try await stage.run(
            stage.release([
                stage.configMap("same", ["a": "1"]), stage.configMap("c", ["a": "1", "b": "1"]), secret("b2xk"),
            ])
        )
        try await stage.cluster.apply(stage.configMap("theirs", ["a": "1"]), ApplyOptions(manager: "helm"))
        let before = try await stage.get("ConfigMap", "c")
        let plan = try await Plan(
            stage.cluster,
            stage.release([
                stage.configMap("same", ["a": "1"]), stage.configMap("c", ["a": "2"]), secret("bmV3"),
                stage.configMap("n", ["x": "y"]),
                stage.configMap("theirs", ["a": "2"]),
            ])
        )
        let lines = plan.lines.filter { !$0.contains("creationTimestamp") && !$0.contains("uid") }
        #expect(
            lines.dropLast() == [
                "~ ConfigMap c", "    ~ data.a: 1 → 2", "    - data.b: 1", "~ Secret s",
                "    ~ data.password: (secret) → (another secret)", "+ ConfigMap n", "    + data.x: y",
                "= 1 object unchanged",
            ]
        )
        #expect(lines.last?.hasPrefix("! k8s/all.yaml:5: ConfigMap theirs: ") == true)
        #expect(lines.last?.contains("helm") == true)
        #expect(try await stage.get("ConfigMap", "c") == before)
        #expect(try await stage.get("ConfigMap", "n") == nil)
        await stage.leave()
    }
}
