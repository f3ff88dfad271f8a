import Foundation
import Testing

@testable import Pipelines

@Suite("Reading a folder of pipelines") struct PipelinesFolderTests {
    /// The pipelines of a folder with these files, or the faults, without the folder's name.
    private func read(_ files: [String: String], embeddedRegistry: Bool = true) throws -> (
        names: [String], faults: [String]
    ) {
        try withTemporaryFolder { folder in
            for (name, text) in files { try write(text, to: "\(folder)/\(name)") }
            do {
                let settings = settings(pipelines: folder, embeddedRegistry: embeddedRegistry)
                return (try readPipelines(settings).keys.sorted(), [])
            } catch let error as DefinitionFaults {
                return ([], error.faults.map { $0.description.replacingOccurrences(of: folder + "/", with: "") })
            }
        }
    }

    private func settings(pipelines folder: String, embeddedRegistry: Bool = true) -> ServerSettings {
        var settings = ServerSettings(folder: "/")
        settings.pipelines = folder
        settings.registry.embedded = embeddedRegistry
        return settings
    }

    private func pipeline(_ name: String, environment: String? = nil, namespace: String? = nil) -> String {
        var text = Sample.pipeline("name: todo", "name: \(name)")
        if let environment { text += "environment: \(environment)\n" }
        if let namespace {
            text = text.replacingOccurrences(of: "  podman", with: "  namespace: \(namespace)\n  podman")
        }
        return text
    }

    @Test func takesYAMLFilesOnly() throws {
        let good = pipeline("a")
        let files = [
            "a.yaml": good, "b.yml": pipeline("b"), ".c.yaml": "[", "d.yaml~": "[", "e.json": "{", "README": "x",
        ]
        #expect(try read(files).names == ["a", "b"])
        #expect(try read([:]).names == [])
    }

    @Test func innerFoldersAndOddFilesAreNotRead() throws {
        try withTemporaryFolder { folder in
            try write(pipeline("a"), to: folder + "/a.yaml")
            try FileManager.default.createDirectory(atPath: folder + "/x.yaml", withIntermediateDirectories: false)
            #expect(try readPipelines(settings(pipelines: folder + "/")).keys.sorted() == ["a"])
            #expect(mkfifo(folder + "/pipe.yaml", 0o600) == 0)
            try FileManager.default.createSymbolicLink(atPath: folder + "/z.yaml", withDestinationPath: "nowhere")
            let faults = #expect(throws: DefinitionFaults.self) { try readPipelines(settings(pipelines: folder)) }?
                .faults
            #expect(faults?.count == 2)
            #expect(faults?.first?.message.contains("not a regular file") == true)
            #expect(faults?.last?.message.contains("does not exist") == true)
        }
    }

    @Test func aFolderThatIsNotThere() {
        let faults = #expect(throws: DefinitionFaults.self) {
            try readPipelines(settings(pipelines: "/nowhere/at/all"))
        }?.faults
        #expect(faults?.map(\.description) == ["/nowhere/at/all:1:1: '/nowhere/at/all' does not exist"])
    }

    @Test func aFileThatIsTooLarge() throws {
        let faults = try read(["a.yaml": String(repeating: "#", count: 300_000)]).faults
        #expect(faults.count == 1)
        #expect(faults.first?.contains("more than 262144 bytes") == true)
    }

    @Test func allFaultsOfAllFilesAreInOneReport() throws {
        let faults = try read([
            "a.yaml": "name: A", "b.yaml": pipeline("b"), "c.yaml": "- x\n- *y", "d.yaml": pipeline("b"),
        ]).faults
        #expect(
            faults.map { $0.prefix(9) } == ["a.yaml:1:", "a.yaml:1:", "a.yaml:1:", "c.yaml:2:", "d.yaml:1:"]
        )
    }

    @Test func twoPipelinesOfOneName() throws {
        let faults = try read(["a.yaml": pipeline("todo"), "b.yaml": "\n" + pipeline("todo", environment: "todo")])
            .faults
        #expect(faults == ["b.yaml:2:7: the name 'todo' belongs to the pipeline in a.yaml:1 already: choose another"])
    }

    @Test func twoPipelinesOfOneNameThoughOneHasFaults() throws {
        let faults = try read(["a.yaml": pipeline("todo"), "b.yaml": pipeline("todo") + "colour: red"]).faults
        #expect(faults.count == 2)
        #expect(faults.first?.hasPrefix("b.yaml:1:7: the name 'todo' belongs") == true)
    }

    @Test func twoPipelinesInOneEnvironment() throws {
        let one = pipeline("one", environment: "live", namespace: "shop")
        let two = pipeline("two", environment: "live", namespace: "shop")
        #expect(try read(["1.yaml": one, "2.yaml": two]).names == ["one", "two"])
    }

    @Test func oneEnvironmentWithTwoNamespaces() throws {
        let one = pipeline("one", environment: "live", namespace: "shop")
        let two = pipeline("two", environment: "live", namespace: "shop-2")
        let faults = try read(["1.yaml": one, "2.yaml": two]).faults
        #expect(faults.count == 1)
        #expect(faults.first?.hasPrefix("2.yaml:11:14: the environment 'live' has the namespace 'shop-2' here") == true)
        #expect(faults.first?.contains("1.yaml:11") == true)
    }

    @Test func twoEnvironmentsWithOneNamespace() throws {
        let faults = try read(["1.yaml": pipeline("one"), "2.yaml": pipeline("two", namespace: "one")]).faults
        #expect(faults.count == 1)
        #expect(
            faults.first?.hasPrefix("2.yaml:1:7: the environment 'two' has the target and the namespace 'one'") == true
        )
        #expect(faults.first?.contains("'one' in 1.yaml:1") == true)
    }

    @Test func theEmbeddedRegistryThatTheServerDoesNotRun() throws {
        let files = [
            "1.yaml": pipeline("one"), "2.yaml": pipeline("two") + "registry: { embedded: {} }\ncolour: red",
            "3.yaml": pipeline("three") + "registry: { address: 127.0.0.1:5000 }",
            // Nothing is pushed.
            "4.yaml": "name: four\nsource: { github: a/b, branch: main }\ndeploy: { inCluster: true, manifests: [k8s] }\n",
        ]
        let faults = try read(files, embeddedRegistry: false).faults
        #expect(faults.count == 3)
        #expect(
            faults.first == """
                1.yaml:1:7: the images go to the registry of this server, and fairlead.yaml runs none: write \
                registry: { embedded: true } there, or registry: { address: HOST:PORT } here
                """
        )
        // Among what else is wrong with a file.
        #expect(faults.dropFirst().first?.hasPrefix("2.yaml:10:11: the images go to") == true)
        #expect(faults.last?.hasPrefix("2.yaml:11:1: the file has an unknown key 'colour'") == true, "\(faults)")
        #expect(try read(files.merging(["2.yaml": pipeline("two")]) { $1 }).names == ["four", "one", "three", "two"])
    }

    private func pipeline(_ name: String, in environment: String, target: String) -> String {
        pipeline(name, environment: environment, namespace: "shop").replacingOccurrences(of: "podman: {}", with: target)
    }

    @Test(arguments: [
        ("inCluster: true", "inCluster: true", true), ("inCluster: true", "podman: {}", false),
        ("digitalocean: { cluster: a }", "digitalocean: { cluster: a }", true),
        ("digitalocean: { cluster: a }", "digitalocean: { cluster: b }", false),
        ("kubeconfig: ./k", "kubeconfig: { file: k }", true), ("kubeconfig: k", "kubeconfig: l", false),
        ("kubeconfig: k", "kubeconfig: { file: k, context: c }", true),
        ("kubeconfig: { file: k, context: c }", "kubeconfig: { file: k, context: d }", false),
    ]) func twoEnvironmentsInOneCluster(one: String, two: String, refused: Bool) throws {
        let files = [
            "1.yaml": pipeline("one", in: "live", target: one), "2.yaml": pipeline("two", in: "test", target: two),
        ]
        let faults = try read(files).faults
        #expect(faults.count == (refused ? 1 : 0), "\(faults)")
        #expect(faults.allSatisfy { $0.contains("'test' has the target and the namespace 'shop'") })
    }

    private static func kubeconfig(_ servers: [String], current: String = "c0") -> String {
        let numbered = servers.enumerated()
        let clusters = numbered.map { "{ name: k\($0), cluster: { server: '\($1)' } }" }.joined(separator: ", ")
        let contexts = numbered.map { index, _ in "{ name: c\(index), context: { cluster: k\(index), user: u } }" }
        return """
            { apiVersion: v1, kind: Config, current-context: \(current), clusters: [\(clusters)],
              contexts: [\(contexts.joined(separator: ", "))], users: [{ name: u, user: { exec: { command: doctl } } }] }
            """
    }

    private static let id = "bd5f5959-5e1e-4205-a714-a914373942af"

    /// Two files may lead to one API server, which the kubeconfigs themselves tell.
    @Test(arguments: [
        ("kubeconfig: one.conf", "kubeconfig: same.conf", "https://10.0.0.1:6443"),
        ("kubeconfig: one.conf", "kubeconfig: link.conf", "https://10.0.0.1:6443"),
        ("kubeconfig: one.conf", "kubeconfig: two.conf", nil),
        ("kubeconfig: one.conf", "kubeconfig: { file: two.conf, context: c1 }", "https://10.0.0.1:6443"),
        ("kubeconfig: { file: two.conf, context: c0 }", "kubeconfig: { file: two.conf, context: c1 }", nil),
        (
            "kubeconfig: { file: two.conf, context: c1 }", "kubeconfig: { file: two.conf, context: c2 }",
            "https://10.0.0.1:6443"
        ),
        ("kubeconfig: do.conf", "digitalocean: { cluster: \(id) }", "https://\(id).k8s.ondigitalocean.com:443"),
        ("kubeconfig: do.conf", "digitalocean: { cluster: prod }", nil),
        ("kubeconfig: one.conf", "inCluster: true", nil),
    ]) func twoWaysToOneCluster(one: String, two: String, server: String?) throws {
        try withTemporaryFolder { folder in
            try write(Self.kubeconfig(["https://10.0.0.1:6443"]), to: folder + "/one.conf")
            try write(Self.kubeconfig(["HTTPS://10.0.0.1:6443/"]), to: folder + "/same.conf")
            let several = ["https://10.0.0.2", "https://10.0.0.1:6443", "https://10.0.0.1:6443"]
            try write(Self.kubeconfig(several), to: folder + "/two.conf")
            try write(Self.kubeconfig(["https://\(Self.id).k8s.ondigitalocean.com"]), to: folder + "/do.conf")
            try FileManager.default.createSymbolicLink(
                atPath: folder + "/link.conf",
                withDestinationPath: folder + "/one.conf"
            )
            try write(pipeline("one", in: "live", target: one), to: folder + "/1.yaml")
            try write(pipeline("two", in: "test", target: two), to: folder + "/2.yaml")
            do {
                _ = try readPipelines(settings(pipelines: folder))
                #expect(server == nil)
            } catch let error as DefinitionFaults {
                #expect(error.faults.count == 1)
                let message = error.faults[0].message
                #expect(message.contains("'test' has the target and the namespace 'shop' of the environment 'live'"))
                #expect(message.contains("are both \(try #require(server, "\(message)"))"), "\(message)")
            }
        }
    }

    @Test func oneEnvironmentWithTwoTargets() throws {
        let one = pipeline("one", in: "live", target: "inCluster: true")
        let two = pipeline("two", in: "live", target: "digitalocean: { cluster: a }")
        let faults = try read(["1.yaml": one, "2.yaml": two]).faults
        #expect(faults.count == 1)
        #expect(
            faults.first?.contains(
                "'live' deploys to the DigitalOcean cluster a here and to the cluster that Fairlead runs in in 1.yaml:11"
            ) == true,
            "\(faults)"
        )
    }

    @Test func theExamplesGoTogether() throws {
        let folder = packageRoot.appending(path: "pipelines/examples").path
        #expect(try readPipelines(settings(pipelines: folder)).keys.sorted() == ["hello", "todo"])
    }
}
