import Foundation

/// A certificate that signs itself, made with the openssl program.
struct TestCertificate {
    let certificatePath: String
    let keyPath: String

    /// - Parameter names: subject alternative names, as `IP:127.0.0.1` or `DNS:localhost`.
    init(in folder: String, names: String, name: String = "server") throws {
        certificatePath = "\(folder)/\(name).crt"
        keyPath = "\(folder)/\(name).key"
        try run(
            "openssl",
            [
                "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                "-subj", "/CN=test", "-addext", "subjectAltName=\(names)", "-keyout", keyPath, "-out", certificatePath,
            ]
        )
    }
}
