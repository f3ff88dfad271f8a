import Foundation
import Testing

@testable import Kubernetes

private let certificate = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"
private let key = "-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n"

/// A kubeconfig with one of each, flow style.
private func kubeconfig(cluster: String = "server: https://10.0.0.1:6443", user: String = "token: abc") -> String {
    """
    apiVersion: v1
    kind: Config
    current-context: main
    clusters: [{name: c, cluster: {\(cluster)}}]
    users: [{name: u, user: {\(user)}}]
    contexts:
    - {name: main, context: {cluster: c, user: u, namespace: shop}}
    - {name: other, context: {cluster: c}}
    - {name: dangling, context: {cluster: gone}}
    """
}

@Suite struct AccessTests {
    @Test func `The current context is taken, or the named one`() async throws {
        let main = try ClusterAccess(kubeconfig: kubeconfig())
        #expect(main.server == "https://10.0.0.1:6443" && main.namespace == "shop" && main.authorityPEM == nil)
        #expect(try await Token(main.credential).value() == "abc")
        let other = try ClusterAccess(kubeconfig: kubeconfig(), context: "other")
        #expect(other.namespace == nil)
        #expect(try await Token(other.credential).value() == nil)
    }

    @Test func `A token of digits stays what it is`() async throws {
        let access = try ClusterAccess(kubeconfig: kubeconfig(user: "token: 0123_456e1"))
        #expect(try await Token(access.credential).value() == "0123_456e1")
    }

    @Test func `Data is inline or in files beside the kubeconfig`() throws {
        let folder = try TemporaryFolder()
        try folder.write("ca.pem", certificate)
        try folder.write("cert.pem", certificate)
        try folder.write("key.pem", key)
        let data = Data(certificate.utf8).base64EncodedString()
        let keyData = Data(key.utf8).base64EncodedString()
        let files = kubeconfig(
            cluster: "server: https://a, certificate-authority: ca.pem, proxy-url: 'http://p:3128'",
            user: "client-certificate: cert.pem, client-key: \(folder.path)/key.pem"
        )
        let inline = kubeconfig(
            cluster: "server: https://a, certificate-authority-data: \(data)",
            user: "client-certificate-data: \(data), client-key-data: \(keyData)"
        )
        try folder.write("config", files)
        let fromFiles = try ClusterAccess(kubeconfigFile: folder.path + "/config")
        #expect(fromFiles.proxy == "http://p:3128")
        for access in [fromFiles, try ClusterAccess(kubeconfig: inline)] {
            #expect(access.authorityPEM == Array(certificate.utf8))
            guard case .certificate(Array(certificate.utf8), Array(key.utf8)) = access.credential else {
                Issue.record("\(access.credential)")
                continue
            }
        }
    }

    @Test(arguments: [
        ("", "empty"),
        ("a: [", "not YAML"),
        ("just text", "not a mapping"),
        ("clusters: []", "no current-context"),
        (kubeconfig().replacing("current-context: main", with: "current-context: x"), "main, other, dangling"),
        (
            kubeconfig().replacing("current-context: main", with: "current-context: dangling"),
            "no cluster gone; it has c"
        ),
        (kubeconfig(cluster: "x: y"), "has no server"),
        (kubeconfig(cluster: "server: http://10.0.0.1"), "not https"),
        (kubeconfig(cluster: "server: http://127.0.0.1.example"), "not https"),
        (kubeconfig(cluster: "server: ftp://10.0.0.1"), "https://host:port"),
        (kubeconfig(cluster: "server: https://a, insecure-skip-tls-verify: true"), "insecure-skip-tls-verify"),
        (kubeconfig(cluster: "server: https://a, tls-server-name: b"), "https://b"),
        (kubeconfig(cluster: "server: https://a, certificate-authority: none.pem"), "./none.pem cannot be read"),
        (kubeconfig(cluster: "server: https://a, certificate-authority-data: '%'"), "not base64"),
        (kubeconfig(cluster: "server: https://a, certificate-authority-data: YQ=="), "not a certificate"),
        (kubeconfig(user: "exec: {command: doctl}"), "exec plugin (doctl)"),
        (kubeconfig(user: "auth-provider: {name: gcp}"), "auth-provider plugin (gcp)"),
        (kubeconfig(user: "username: a, password: b"), "username and password"),
        (kubeconfig(user: "client-key-data: YQ=="), "no client-certificate"),
        (kubeconfig(user: "client-certificate-data: YQ=="), "no client-key"),
    ])
    func `What cannot be used is told in a sentence`(text: String, part: String) {
        expectFault(part) { try ClusterAccess(kubeconfig: text) }
    }

    @Test func `A key with a passphrase is refused before OpenSSL asks for it`() {
        let encrypted = key.replacing("PRIVATE", with: "ENCRYPTED PRIVATE")
        expectFault("passphrase") {
            try ClusterAccess(
                server: "https://a",
                credential: .certificate(Array(certificate.utf8), key: Array(encrypted.utf8))
            )
        }
    }

    @Test func `A pod finds its own cluster`() async throws {
        let folder = try TemporaryFolder()
        let environment = ["KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"]
        expectFault("not a pod") { try ClusterAccess.inCluster(folder: folder.path, environment: [:]) }
        expectFault("automount") { try ClusterAccess.inCluster(folder: folder.path, environment: environment) }
        try folder.write("token", "first\n")
        expectFault("ca.crt") { try ClusterAccess.inCluster(folder: folder.path, environment: environment) }
        try folder.write("ca.crt", certificate)
        try folder.write("namespace", "fairlead")
        let access = try ClusterAccess.inCluster(folder: folder.path, environment: environment)
        #expect(access.server == "https://[fd00::1]:443" && access.namespace == "fairlead")
        let token = Token(access.credential)
        #expect(try await token.value() == "first")
        try folder.write("token", "second")
        #expect(try await token.value() == "second")
    }

    @Test(arguments: ["", " \n", "two words", "line\nend"])
    func `What is no token never gets into a header`(text: String) async {
        await #expect { _ = try await Token(.token { text }).value() } throws: { error in
            (error as? KubernetesError)?.code == .unauthorized
        }
    }

    private func expectFault(
        _ part: String,
        sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () throws -> ClusterAccess
    ) {
        #expect(sourceLocation: sourceLocation) {
            try body()
        } throws: { error in
            let error = error as? KubernetesError
            return error?.code == .badAccess && error?.message.contains(part) == true
        }
    }
}

/// Removed with its owner.
private final class TemporaryFolder {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("fairlead-k8s-\(UUID())").path
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ name: String, _ text: String) throws {
        try text.write(toFile: path + "/" + name, atomically: true, encoding: .utf8)
    }
}
