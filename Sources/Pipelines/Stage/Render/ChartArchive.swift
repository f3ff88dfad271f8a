import CZlib
import HTTPClient
import Signing

/// A chart as its publisher packs it: one gzip member with a tar file in it. It is never unpacked here: helm reads the
/// archive, so nothing in it can name a path or a link on this machine.
struct ChartArchive: Sendable {
    let bytes: [UInt8]
    /// Of `bytes`, as 64 hexadecimal digits.
    let sha256: String

    /// What helm itself takes (its `MaxDecompressedChartSize`); older versions take everything.
    static let maximumUnpacked = 100 << 20

    /// - Throws: `StageError` (failed, `chart-invalid` or `chart-too-large`).
    init(_ bytes: [UInt8], from url: String) throws {
        switch Self.unpackedSize(bytes, atMost: Self.maximumUnpacked) {
        case .notOneMember:
            throw StageError.manifest("chart-invalid", "\(url) is no chart archive: one gzip file (.tgz) is wanted")
        case .tooLarge:
            let most = Self.maximumUnpacked >> 20
            throw StageError.manifest("chart-too-large", "\(url) unpacks to more than \(most) MiB: it is no chart")
        case .fits: break
        }
        self.bytes = bytes
        sha256 = SHA256Digest.hex(bytes)
    }

    private enum Size { case fits, tooLarge, notOneMember }

    /// Whether the bytes are one gzip member (RFC 1952) and nothing after it. What comes out is counted and thrown away.
    private static func unpackedSize(_ bytes: [UInt8], atMost most: Int) -> Size {
        var stream = z_stream()
        precondition(zlib_inflate_init_gzip(&stream) == Z_OK, "zlib has no memory")
        defer { inflateEnd(&stream) }
        var input = bytes
        var output = [UInt8](repeating: 0, count: 1 << 16)
        return input.withUnsafeMutableBufferPointer { input in
            output.withUnsafeMutableBufferPointer { output in
                stream.next_in = input.baseAddress
                stream.avail_in = uInt(input.count)
                var total = 0
                while true {
                    stream.next_out = output.baseAddress
                    stream.avail_out = uInt(output.count)
                    let status = inflate(&stream, Z_NO_FLUSH)
                    total += output.count - Int(stream.avail_out)
                    if total > most { return .tooLarge }
                    if status == Z_STREAM_END { return stream.avail_in == 0 ? .fits : .notOneMember }
                    guard status == Z_OK else { return .notOneMember }
                }
            }
        }
    }
}

/// Fetches the archives of charts that pipelines name by their address.
struct ChartSource: Sendable {
    let client: HTTPClient
    let limits: Limits

    /// - Parameter sha256: what the archive must be; nil: whatever there is.
    /// - Throws: `StageError`: failed with a code that begins with `chart-` if the address or what it holds is wrong;
    ///   errored with `chart-unreachable` after tries with backoff.
    func fetch(_ url: String, sha256: String?, log: any StageLog) async throws -> ChartArchive {
        let body = try await withBackoff(for: limits.retryFor, log: log) { try await get(url) }
        let archive = try ChartArchive(body, from: url)
        if let sha256, sha256 != archive.sha256 {
            throw StageError.manifest(
                "chart-changed",
                "\(url) is not what it was: its sha256 is \(archive.sha256), and \(sha256) is wanted. A published version "
                    + "does not change; if this one may, write the new sha256 under deploy.helm"
            )
        }
        log.line("\(url): \(archive.bytes.count) bytes, sha256 \(archive.sha256)")
        return archive
    }

    private func get(_ url: String) async throws -> [UInt8] {
        let request = HTTPRequest(
            url: url,
            deadline: .seconds(limits.chartDeadline),
            maxResponseBytes: limits.chartBytes,
            // Publishers keep archives elsewhere than their addresses say.
            followRedirects: 5,
            addressPolicy: .refuseLinkLocalAndMetadata
        )
        let response: HTTPResponse
        do {
            response = try await client.send(request)
        } catch let error as HTTPClientError {
            switch error.code {
            case .cancelled: throw CancellationError()
            case .refusedAddress:
                throw StageError.manifest("chart-address", "\(url) is not asked: \(error.message)")
            case .tooLarge:
                throw StageError.manifest(
                    "chart-too-large",
                    "\(url) has more than \(limits.chartBytes) bytes: raise chartBytes under limits: in fairlead.yaml if "
                        + "this is a chart"
                )
            default: throw Self.unreachable(url, error.message)
            }
        }
        switch response.status {
        case 200: return response.body
        case 408, 429, 500...: throw Self.unreachable(url, "it answers \(response.status)")
        default:
            throw StageError.manifest(
                "chart-missing",
                "\(url) answers \(response.status): see whether the chart has this version, and mend deploy.helm.chart"
            )
        }
    }

    private static func unreachable(_ url: String, _ why: String) -> StageError {
        StageError(
            .errored,
            "chart-unreachable",
            "\(url): \(why); see whether it can be reached from this server, and run the run again"
        )
    }
}
