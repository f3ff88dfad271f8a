import Glibc

/// A response as it came over the wire.
struct RawResponse {
    var status = 0
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    var text: String { String(decoding: body, as: UTF8.self) }
}

extension RawClient {
    /// Reads a response, its body by Content-Length or in chunks.
    func response(toHead: Bool = false) throws -> RawResponse {
        var response = try responseHead()
        guard !toHead, response.status != 204, response.status != 304 else { return response }
        if response.header("Transfer-Encoding") == "chunked" {
            while let chunk = try chunk() { response.body += chunk }
        } else {
            response.body = try read(count: Int(response.header("Content-Length") ?? "") ?? 0)
        }
        return response
    }

    func responseHead() throws -> RawResponse {
        let head = try read(until: "\r\n\r\n")
        var response = RawResponse()
        for (index, line) in head.split(separator: "\r\n").enumerated() {
            if index == 0 {
                response.status = Int(line.split(separator: " ")[1]) ?? 0
            } else if let colon = line.firstIndex(of: ":") {
                let value = line[line.index(after: colon)...].drop { $0 == " " }
                response.headers.append((String(line[..<colon]), String(value)))
            }
        }
        return response
    }

    /// - Returns: nil for the last one.
    func chunk() throws -> [UInt8]? {
        let size = try read(until: "\r\n")
        guard let count = Int(size.dropLast(1), radix: 16) else { throw Failure(description: "no chunk size: \(size)") }
        let bytes = try read(count: count)
        _ = try read(count: 2)
        return count == 0 ? nil : bytes
    }

    func get(_ target: String, headers: String = "") throws -> RawResponse {
        try send("GET \(target) HTTP/1.1\r\nHost: localhost\r\n\(headers)\r\n")
        return try response()
    }

    func post(_ target: String, _ body: [UInt8], headers: String = "") throws -> RawResponse {
        try send("POST \(target) HTTP/1.1\r\nHost: localhost\r\n\(headers)Content-Length: \(body.count)\r\n\r\n")
        try send(body)
        return try response()
    }
}
