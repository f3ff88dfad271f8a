import FoundationEssentials

/// The bearer token in use.
actor Token {
    private let credential: ClusterAccess.Credential
    private let renewal = OneAtATime<String>()
    private var current: String?

    init(_ credential: ClusterAccess.Credential) {
        self.credential = credential
    }

    /// Nil if the credential is none.
    ///
    /// - Parameter refused: the token that the server has just refused. Whoever else was refused with it meanwhile gets
    ///   the same new one.
    func value(insteadOf refused: String? = nil) async throws -> String? {
        switch credential {
        case .none, .certificate: return nil
        case .tokenFile(let path): return try read(path)
        case .token(let source):
            if let current, current != refused { return current }
            do {
                return try await renewal.run {
                    let token = try checked(token: try await source())
                    // Before anybody is told, or who comes meanwhile would ask once more.
                    await self.keep(token)
                    return token
                }
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                throw KubernetesError(.unauthorized, "no token for the cluster: \(error)", cause: error)
            }
        }
    }

    private func keep(_ token: String) { current = token }

    /// Every time: the kubelet puts a new token there long before the old one ends.
    private func read(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw KubernetesError(.unauthorized, "no token for the cluster: \(path) cannot be read")
        }
        do {
            return try checked(token: String(decoding: data, as: UTF8.self))
        } catch {
            throw KubernetesError(.unauthorized, "no token for the cluster: \(path): \(error)", cause: error)
        }
    }
}

/// A line end in it would end the header.
private func checked(token: String) throws(KubernetesError) -> String {
    let token = token.trimmed
    guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
        throw KubernetesError(.unauthorized, token.isEmpty ? "the token is empty" : "that is no token")
    }
    return token
}
