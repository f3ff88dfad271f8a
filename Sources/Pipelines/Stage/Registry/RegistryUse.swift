/// Which registries runs build for or push to now, so that none is cleaned under them.
final class RegistryUse: Sendable {
    private struct State {
        var users: [String: Int] = [:]
        var closed: Set<String> = []
    }
    private let state = Locked(State())

    /// Between two looks at whether the registry is open again: cleaning takes seconds.
    private static let pause = Duration.milliseconds(200)

    /// Uses a registry, once nobody cleans it any more.
    func with<Result: Sendable>(_ registry: String, _ body: () async throws -> Result) async throws -> Result {
        while !enter(registry) { try await Task.sleep(for: Self.pause) }
        defer { state.withLock { $0.users[registry, default: 1] -= 1 } }
        return try await body()
    }

    /// Keeps everybody else from a registry meanwhile.
    ///
    /// - Returns: nil if somebody uses it, and `body` was not called.
    func whileUnused<Result: Sendable>(
        _ registry: String,
        _ body: () async throws -> Result
    ) async throws -> Result? {
        let isClosed = state.withLock { state in
            state.users[registry, default: 0] == 0 && state.closed.insert(registry).inserted
        }
        guard isClosed else { return nil }
        defer { state.withLock { _ = $0.closed.remove(registry) } }
        return try await body()
    }

    private func enter(_ registry: String) -> Bool {
        state.withLock { state in
            guard !state.closed.contains(registry) else { return false }
            state.users[registry, default: 0] += 1
            return true
        }
    }
}

extension RunInProgress {
    /// While `body` works, the pipeline's registry is not cleaned: what a build finds to reuse stays until it is part of
    /// a release.
    func holdingRegistry(_ body: () async throws -> Void) async throws {
        let name: String
        switch definition.registry {
        case .digitalocean(let registry, _): name = registry
        case .embedded: name = needs.registries.embedded ?? ""
        case .address: return try await body()
        }
        do {
            try await needs.registryUse.with(name, body)
        } catch is CancellationError {
            // While it waited: by an operator, or because the server goes down and the run stays for the next one.
            throw await verdict(on: CancellationError())
        }
    }
}
