#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What the shape of a smoke test cannot say: what its checks are to each other.
func checkSmokeTest(_ document: Value, faults: inout FaultList) {
    let checks = document["smokeTest"]?.items ?? []
    for (index, check) in checks.enumerated() {
        checkCertificate(check, "smokeTest[\(index)]", faults: &faults)
        checkSize(check, "smokeTest[\(index)]", faults: &faults)
    }
    let isPlain = checks.allSatisfy { $0["get"] != nil && ($0["capture"]?.entries ?? []).isEmpty }
    if !isPlain { checkVariables(checks, faults: &faults) }
}

/// Only an https address shows a certificate.
private func checkCertificate(_ check: Value, _ path: String, faults: inout FaultList) {
    guard let tls = check.entries.first(where: { $0.key == "tls" }), let address = address(of: check)?.text,
        !address.begins(with: "https://")
    else { return }
    faults.add(tls.place, "\(path) has 'tls', but \(quoted(address)) is no https address: leave it out")
}

/// A body that is written as JSON may have what one that is written as text may have.
private func checkSize(_ check: Value, _ path: String, faults: inout FaultList) {
    guard let json = check["json"], let bytes = try? JSONEncoder().encode(JSONValue(json)) else { return }
    let limit = TextRule.prose.length.upperBound
    if bytes.count > limit {
        faults.add(json.place, "\(path).json has \(bytes.count) bytes as JSON: at most \(limit) are sent")
    }
}

/// Every `{{name}}` is captured by a check before it, and by one alone.
private func checkVariables(_ checks: [Value], faults: inout FaultList) {
    var known: [String: Int] = [:]
    for (index, check) in checks.enumerated() {
        let texts = [address(of: check), check["headers"], check["json"], check["body"], check["expect"]]
        for text in texts.flatMap({ $0?.scalars ?? [] }) {
            for name in Set(Placeholder.names(in: text.text ?? "")).sorted() where known[name] == nil {
                faults.add(
                    text.place,
                    "smokeTest[\(index)] has {{\(name)}}, which no check before it captures; "
                        + advice(name, index, checks, known: known.keys.sorted())
                )
            }
        }
        for entry in check["capture"]?.entries ?? [] {
            if let earlier = known[entry.key] {
                let other = "smokeTest[\(earlier)] captures too: choose another name"
                faults.add(entry.place, "smokeTest[\(index)] captures \(quoted(entry.key)), which \(other)")
            } else {
                known[entry.key] = index
            }
        }
    }
}

private func advice(_ name: String, _ index: Int, _ checks: [Value], known: [String]) -> String {
    if let meant = likely(name, among: known) { return "did you mean {{\(meant)}}?" }
    let later = checks.indices.first { $0 >= index && checks[$0]["capture"]?[name] != nil }
    if let later, later > index { return "smokeTest[\(later)] does: put it before this one" }
    if later == index { return "its own answer it does not know yet" }
    let example = TextRule.variable.fault(in: name) == nil ? name : "NAME"
    return "add capture: { \(example): PATH } to a check before it, with where in its JSON answer the value is"
}

private func address(of check: Value) -> Value? {
    Definition.SmokeCheck.Method.allCases.lazy.compactMap { check[$0.rawValue] }.first
}

extension Value {
    /// This scalar, or those in this mapping or list.
    fileprivate var scalars: [Value] {
        switch content {
        case .scalar: [self]
        case .list(let items): items.flatMap(\.scalars)
        case .map(let entries): entries.flatMap(\.value.scalars)
        }
    }
}

// MARK: - From values that were checked against `Shape.pipeline`

extension Definition.SmokeCheck {
    init(_ value: Value) {
        let method = Method.allCases.first { value[$0.rawValue] != nil } ?? .get
        let address = value[method.rawValue]?.text ?? ""
        self.init(
            name: value["name"]?.text ?? (method == .get ? address : "\(method.rawValue.uppercased()) \(address)"),
            method: method,
            address: address,
            headers: value["headers"]?.table ?? [:],
            body: value["json"].map { .json(JSONValue($0)) } ?? value["body"]?.text.map(Body.text),
            capture: value["capture"]?.table ?? [:],
            expect: Definition.Expectation(value["expect"]),
            retryFor: value["retry"]?["for"]?.text.flatMap(seconds) ?? 60,
            retryEvery: value["retry"]?["every"]?.text.flatMap(seconds) ?? 2,
            tls: value["tls"]?["validFor"]?.text.flatMap(days).map { TLS(validFor: Double($0) * 86_400) }
        )
    }
}

extension Definition.Expectation {
    fileprivate init(_ value: Value?) {
        self.init(
            status: value?["status"]?.integer ?? 200,
            json: Dictionary(
                (value?["json"]?.entries ?? []).map { ($0.key, JSONValue($0.value)) },
                uniquingKeysWith: { first, _ in first }
            ),
            body: value?["body"]?.text,
            headers: value?["headers"]?.table ?? [:],
            within: value?["within"]?.text.flatMap(seconds)
        )
    }
}

extension JSONValue {
    fileprivate init(_ value: Value) {
        switch value.content {
        case .list(let items): self = .array(items.map(JSONValue.init))
        case .map(let entries):
            self = .object(
                Dictionary(entries.map { ($0.key, JSONValue($0.value)) }, uniquingKeysWith: { first, _ in first })
            )
        case .scalar(let scalar):
            switch scalar.kind {
            case .text: self = .string(scalar.text)
            case .null: self = .null
            case .flag(let flag): self = .bool(flag)
            case .integer(let integer): self.init(integer)
            case .number(let number): self = .number(number)
            }
        }
    }
}
