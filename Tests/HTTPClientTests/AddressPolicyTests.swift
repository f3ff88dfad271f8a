import HTTPClient
import Testing

@Suite struct AddressPolicyTests {
    private let client = HTTPClient()
    private let strict = AddressPolicy.refuseLinkLocalAndMetadata

    @Test(arguments: [
        "169.254.169.254", "169.254.0.0", "169.254.255.255", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.255",
        "255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fe80::1", "fe80::1%eth0", "febf::",
        "ff02::1", "fd00:ec2::254", "fd20:ce::254", "::", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe",
        "::ffff:0.0.0.0",
        "::169.254.169.254", "64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe", "2002:a9fe:a9fe::1", "", "name",
        "1.2.3",
        "[fe80::1]", "300.1.1.1",
    ])
    func refuses(address: String) {
        #expect(strict.refuses(address))
        #expect(!AddressPolicy.any.refuses(address))
    }

    @Test(arguments: [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.253.255.255", "169.255.0.0", "1.0.0.0",
        "223.255.255.255",
        "100.100.100.201", "192.0.0.191", "8.8.8.8", "::1", "fd00::1", "fd00:ec2::253", "fec0::1", "fe00::1",
        "2001:db8::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::8.8.8.8", "2002:0808:0808::1",
    ])
    func allows(address: String) {
        #expect(!strict.refuses(address))
    }

    /// Spellings that a check of the text would miss; the resolver makes addresses of them.
    @Test(arguments: [
        "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0xa9fea9fe/",
        "http://0251.0376.0251.0376/",
        "http://169.254.43518/", "http://[::ffff:169.254.169.254]/", "http://[fe80::1]/", "http://[fd00:ec2::254]/",
        "https://169.254.169.254/", "http://user@169.254.169.254/", "http://169.254.169.254:8080/", "http://[::]/",
    ])
    func noConnectionIsOpened(url: String) async {
        await expectFailure(.refusedAddress, of: client, request(url))
    }

    @Test func aNameThatLeadsToLoopbackIsFine() async throws {
        let server = try answering()
        #expect(try await client.send(request(server.url())).status == 200)
        #expect(try await client.send(request(server.url(host: "localhost"))).status == 200)
    }

    /// 0.0.0.0 reaches this machine's loopback, so there is somebody who would notice.
    @Test func theUnspecifiedAddressIsNotReached() async throws {
        let server = try answering()
        await expectFailure(.refusedAddress, of: client, request(server.url(host: "0.0.0.0")))
        #expect(server.connectionCount == 0)
    }

    @Test func aConnectionOfALaxerRequestIsNotUsed() async throws {
        let server = try answering()
        let url = server.url(host: "0.0.0.0")
        #expect(try await client.send(HTTPRequest(url: url)).status == 200)
        await expectFailure(.refusedAddress, of: client, request(url))
        #expect(try await client.send(HTTPRequest(url: url)).status == 200)
    }

    @Test(arguments: [
        "http://169.254.169.254/latest/", "http://0.0.0.0:PORT/", "//2852039166/", "http://[::ffff:0.0.0.0]:PORT/",
    ])
    func aRedirectLeadsThereNeither(location: String) async throws {
        let server = try SocketServer { connection in
            while let request = connection.readRequest() {
                let port = request.split(separator: "\r\n").first { $0.hasPrefix("Host:") }?.split(separator: ":").last
                let target = location.replacing("PORT", with: port ?? "")
                connection.respond(status: "307 Temporary Redirect", headers: ["Location: \(target)"])
            }
        }
        await expectFailure(.refusedAddress, of: client, request(server.url(), followRedirects: 3))
        #expect(server.connectionCount == 1)
    }

    private func request(_ url: String, followRedirects: Int = 0) -> HTTPRequest {
        HTTPRequest(
            url: url,
            deadline: .seconds(5),
            followRedirects: followRedirects,
            addressPolicy: .refuseLinkLocalAndMetadata
        )
    }

    private func answering() throws -> SocketServer {
        try SocketServer { connection in
            while connection.readRequest() != nil { connection.respond() }
        }
    }
}
