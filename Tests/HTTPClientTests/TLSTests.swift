import Foundation
import HTTPClient
import Testing

@Suite(
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/openssl"), "no /usr/bin/openssl"),
    .timeLimit(.minutes(1))
)
struct TLSTests {
    private static let answer = "HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nsecure"

    @Test func aCertificateThatNobodyVouchesForIsRefused() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        await expectFailure(.tls, of: HTTPClient(), HTTPRequest(url: server.url))
    }

    @Test(arguments: [true, false])
    func oneOfAGivenAuthorityIsAccepted(asFile: Bool) async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        let pem = [UInt8](try Data(contentsOf: URL(fileURLWithPath: server.caFile)))
        let client = HTTPClient(
            configuration: .init(caFile: asFile ? server.caFile : nil, caPEM: asFile ? nil : pem)
        )
        #expect(try await client.send(HTTPRequest(url: server.url)).text == "secure")
    }

    @Test func tellsWhenTheCertificateEnds() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        let client = HTTPClient(configuration: .init(caFile: server.caFile))
        var request = HTTPRequest(url: server.url)
        #expect(try await client.send(request).certificateExpiry == nil)
        request.wantsCertificate = true
        // It is made for two days.
        let end = Int64(Date().timeIntervalSince1970) + 2 * 86_400
        for _ in 0..<2 {
            let expiry = try #require(try await client.send(request).certificateExpiry)
            #expect((end - 120...end).contains(expiry))
        }
        let plain = try SocketServer { $0.respond() }
        request.url = plain.url()
        #expect(try await client.send(request).certificateExpiry == nil)
    }

    @Test func oneForAnotherNameIsRefused() async throws {
        let server = try TLSServer(name: "DNS:other.example", response: Self.answer)
        let client = HTTPClient(configuration: .init(caFile: server.caFile))
        await expectFailure(.tls, of: client, HTTPRequest(url: server.url))
    }

    @Test func anotherAuthorityDoesNotDo() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        let other = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        let client = HTTPClient(configuration: .init(caFile: other.caFile))
        await expectFailure(.tls, of: client, HTTPRequest(url: server.url))
    }

    @Test(arguments: ["/nonexistent/ca.pem", "/dev/null"])
    func anAuthorityThatCannotBeReadIsAnError(caFile: String) async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        let client = HTTPClient(configuration: .init(caFile: caFile))
        await expectFailure(.tls, of: client, HTTPRequest(url: server.url))
    }

    @Test func aServerWithoutTLSIsAnError() async throws {
        let server = try SocketServer { connection in
            connection.respond()
        }
        await expectFailure(.tls, of: HTTPClient(), HTTPRequest(url: server.url(scheme: "https")))
    }

    @Test func aServerThatAsksForACertificateGetsIt() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer, asksClient: true)
        let certificate = HTTPClient.ClientCertificate(
            certificatePEM: server.clientCertificate,
            keyPEM: server.clientKey
        )
        let client = HTTPClient(configuration: .init(caFile: server.caFile, clientCertificate: certificate))
        #expect(try await client.send(HTTPRequest(url: server.url)).text == "secure")
    }

    @Test func withoutOneItServesNobody() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer, asksClient: true)
        let client = HTTPClient(configuration: .init(caFile: server.caFile))
        await #expect(throws: HTTPClientError.self) { try await client.send(HTTPRequest(url: server.url)) }
    }

    @Test func aKeyOfAnotherCertificateIsAnError() async throws {
        let server = try TLSServer(name: "IP:127.0.0.1", response: Self.answer, asksClient: true)
        let other = try TLSServer(name: "IP:127.0.0.1", response: Self.answer)
        let certificate = HTTPClient.ClientCertificate(
            certificatePEM: server.clientCertificate,
            keyPEM: other.clientKey
        )
        let client = HTTPClient(configuration: .init(caFile: server.caFile, clientCertificate: certificate))
        await expectFailure(.tls, of: client, HTTPRequest(url: server.url))
    }

    @Test func aRedirectDoesNotLeadOutOfTLS() async throws {
        let plain = try SocketServer { $0.respond() }
        let server = try TLSServer(
            name: "IP:127.0.0.1",
            response: "HTTP/1.0 302 Found\r\nLocation: \(plain.url())\r\nContent-Length: 0\r\n\r\n"
        )
        let client = HTTPClient(configuration: .init(caFile: server.caFile))
        await expectFailure(.protocolError, of: client, HTTPRequest(url: server.url, followRedirects: 3))
        #expect(plain.connectionCount == 0)
    }
}
