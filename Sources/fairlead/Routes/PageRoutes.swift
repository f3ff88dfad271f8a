import FoundationEssentials
import HTTPServer

/// The status page and the API's description: files, the same for everybody.
struct PageRoutes: Sendable {
    let openAPI: Response
    private let files: StaticFiles

    /// - Parameter share: The folder with `web-static` and `docs/api`.
    init(share: String) throws {
        files = try StaticFiles(folder: "\(share)/web-static")
        openAPI = .json(Array(try Data(contentsOf: URL(filePath: "\(share)/docs/api/openapi.json"))))
    }

    /// The file at the path; the page itself for the paths that its script draws.
    func answer(_ request: Request) -> Response? {
        guard request.method == "GET" || request.method == "HEAD", !request.path.hasPrefix("/api/") else { return nil }
        guard var response = files.response(for: request, path: isDrawn(request.path) ? "/index.html" : request.path)
        else { return nil }
        response.headers += Self.protection
        return response
    }

    private func isDrawn(_ path: String) -> Bool {
        let parts = path.split(separator: "/")
        return parts.isEmpty || parts == ["login"] || (parts.count == 2 && parts[0] == "runs" && Int64(parts[1]) != nil)
    }

    private static let protection = [
        (
            "Content-Security-Policy",
            "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
        ),
        ("Referrer-Policy", "same-origin"),
        ("X-Frame-Options", "DENY"),
    ]
}
