import Kubernetes
import TestBackend
import TestCluster
import Testing

extension EndToEnd {
    @Suite("The doctor and the cloud")
    struct DoctorTests {
        @Test("the real program asks DigitalOcean and the cluster, and says how to mend what is not well")
        func cloud() async throws {
            let cluster = try TestCluster.start()
            cluster.arrange(["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": "web"]])
            do {
                try await TestDigitalOcean.with(cluster: cluster.url) { service in
                    try await World.run(
                        pipeline: "registry: { digitalocean: acme }",
                        deploy: "{ digitalocean: { cluster: prod }, manifests: [k8s] }",
                        settings: "digitalocean: { token: { env: DATABASE_URL }, api: \"\(service.url)\" }\n",
                        serve: false
                    ) { world in
                        // The token is whatever that variable holds: not the right one.
                        let refused = try await world.fairlead("doctor", expecting: 1).output
                        #expect(
                            refused.contains("FAIL DigitalOcean: DigitalOcean does not accept the token"),
                            "\(refused)"
                        )
                        #expect(refused.contains("     mend: make a new token under API → Tokens"))
                        #expect(!refused.contains("postgres://hidden"))

                        try world.write("token", TestDigitalOcean.token)
                        try world.replace("env: DATABASE_URL", with: "file: token", in: "fairlead.yaml")
                        let well = try await world.fairlead("doctor").output
                        let lines = [
                            "ok   DigitalOcean: the token belongs to Acme",
                            "ok   registry acme (fra1) gives credentials to push",
                            "ok   pipeline web: the DigitalOcean cluster prod answers, v1.34.1",
                            "warn pipeline web: the DigitalOcean cluster prod: namespace web admits pods that ask for host",
                            "     mend: kubectl label namespace web pod-security.kubernetes.io/enforce=baseline",
                            "ok   pipeline web: the next deploy makes Secret fairlead-registry-web",
                        ]
                        for line in lines { #expect(well.contains(line), "\(well)") }
                        #expect(well.contains("checks passed, 1 with a warning"))
                        #expect(cluster.requests.filter(\.isWrite).isEmpty)
                    }
                }
            } catch {
                await cluster.stop()
                throw error
            }
            await cluster.stop()
        }
    }
}
