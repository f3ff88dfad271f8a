import Foundation
import HTTPClient
import Testing

/// One pipeline of the table's world, with a proxy of its own before each peer: its faults are nobody else's.
final class FaultLane: Sendable {
    let name: String
    private let proxies: [FaultCell.Peer: FaultProxy]

    init(_ name: String, targets: [FaultCell.Peer: UInt16]) throws {
        self.name = name
        proxies = try targets.mapValues { try FaultProxy(to: $0) }
    }

    func proxy(_ peer: FaultCell.Peer) -> FaultProxy { proxies[peer]! }

    func address(_ peer: FaultCell.Peer) -> String { "127.0.0.1:\(proxy(peer).port)" }

    var repository: String { "http://\(address(.git))/cgi-bin/git/sample.git" }

    var pipeline: String {
        """
        name: \(name)
        source: { git: "\(repository)", branch: \(name) }
        images: { web: { context: ., args: { BASE: "\(address(.registry))/base" } } }
        registry: { address: "\(address(.registry))" }
        deploy: { kubeconfig: ../\(name).kubeconfig, manifests: [k8s], timeout: 10s }
        smokeTest: [{ name: says hello, get: "service://web:80/", expect: { body: Hello }, retry: { for: 2s, every: 500ms } }]
        """
    }

    func stop() { for proxy in proxies.values { proxy.stop() } }
}
