import HTTPClient

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// Compares a response with what a check expects.
struct SmokeExpectation {
    private let expected: Definition.Expectation
    /// Seconds; nil: any certificate that is valid now.
    private let certificateValidFor: Double?
    /// Seconds since 1970 UTC.
    private let now: Int64

    init(_ check: Definition.SmokeCheck, now: Int64) {
        expected = check.expect
        certificateValidFor = check.tls?.validFor
        self.now = now
    }

    /// The first thing that is not as expected, in words; nil if everything is.
    func problem(with response: HTTPResponse) -> String? {
        if response.status != expected.status {
            return "expected status \(expected.status), got \(response.status)"
        }
        for (name, value) in expected.headers.sorted(by: { $0.key < $1.key }) {
            let found = response.header(name)
            if found != value {
                return "expected header \(name) to be \(quoted(value)), got \(found.map(quoted) ?? "none")"
            }
        }
        if let text = expected.body, !String(decoding: response.body, as: UTF8.self).holds(text) {
            return "expected the body to contain \(quoted(text))"
        }
        if let problem = jsonProblem(response.body) { return problem }
        if let within = expected.within, response.duration.seconds > within {
            let took = (response.duration.seconds * 1000).rounded().shown
            return "expected an answer within \((within * 1000).rounded().shown) ms, took \(took) ms"
        }
        return certificateProblem(response.certificateExpiry)
    }

    private func certificateProblem(_ expiry: Int64?) -> String? {
        guard let wanted = certificateValidFor else { return nil }
        guard let expiry else { return "the server showed no certificate" }
        let left = expiry - now
        if Double(left) >= wanted { return nil }
        let days = max(0, left / 86_400)
        return "expected a certificate that is valid for \(Int(wanted / 86_400)) days more, this one ends in \(days)"
    }

    private func jsonProblem(_ body: [UInt8]) -> String? {
        guard !expected.json.isEmpty else { return nil }
        guard let document = try? JSONDecoder().decode(JSONValue.self, from: Data(body)) else {
            return "expected JSON, got something else"
        }
        for (path, value) in expected.json.sorted(by: { $0.key < $1.key }) {
            let found = document.at(path)
            if found != value {
                return "expected \(path) to be \(value.shown), got \(found?.shown ?? "nothing")"
            }
        }
        return nil
    }
}

/// The beginning of a body as a page can show it.
enum SmokeExcerpt {
    /// Bytes.
    static let limit = 1024

    static func of(_ body: [UInt8]) -> String {
        var result = ""
        var size = 0
        for scalar in String(decoding: body.prefix(limit), as: UTF8.self).unicodeScalars {
            let isPlain =
                scalar == "\n" || scalar == "\t" || (scalar.value >= 0x20 && !(0x7F..<0xA0).contains(scalar.value))
            // What turns the direction of text or is invisible would deceive a reader.
            let isShown =
                isPlain && ![.format, .control].contains(scalar.properties.generalCategory) || scalar == "\n"
                || scalar == "\t"
            let shown: Unicode.Scalar = isShown ? scalar : "."
            size += UTF8.width(shown)
            if size > limit { break }
            result.unicodeScalars.append(shown)
        }
        return result
    }
}
