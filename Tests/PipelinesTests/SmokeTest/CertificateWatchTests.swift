import Foundation
import HTTPClient
import Testing

@testable import Pipelines

@Suite("When certificates end")
struct CertificateWatchTests {
    @Test(
        "the hosts of smoke tests are looked at, and what was seen stays while one does not answer",
        .enabled(if: SecureServer.isThere, "no /usr/bin/openssl")
    )
    func look() async throws {
        @Sendable func definition(_ method: Definition.SmokeCheck.Method = .get, _ addresses: String...) -> Definition {
            var definition = Definition.sample("shop")
            definition.smokeTest = addresses.map {
                Definition.SmokeCheck(
                    name: $0,
                    method: method,
                    address: $0,
                    headers: [:],
                    expect: .init(status: 200, json: [:], headers: [:]),
                    retryFor: 0,
                    retryEvery: 1
                )
            }
            return definition
        }
        let (watch, client, host) = try await SecureServer.with(days: 3) { server in
            let client = HTTPClient(configuration: .init(caFile: server.caFile))
            let watch = CertificateWatch(client: client)
            await watch.look([
                definition(.get, server.url + "a", server.url + "b", "http://127.0.0.1:1/", "service://web:80/")
            ])
            // What changes something is not asked for a certificate's sake.
            let other = CertificateWatch(client: client)
            await other.look([definition(.post, server.url), definition(.delete, server.url + "a")])
            #expect(other.expiries.isEmpty)
            return (watch, client, "127.0.0.1:\(server.port)")
        }
        let expiry = try #require(watch.expiries[["shop", host]])
        #expect(watch.expiries.count == 1)
        #expect(abs(expiry - Date.now.timeIntervalSince1970 - 3 * 86_400) < 3600)
        // From here on nobody answers it.
        client.close()
        await watch.look([definition(.get, "https://\(host)/")])
        #expect(watch.expiries == [["shop", host]: expiry])
        await watch.look([definition(.get, "http://\(host)/")])
        #expect(watch.expiries.isEmpty)
    }
}
