/// Which registries runs build for or push to now, so that none is cleaned under them; and so with podman's storage on
/// this machine.
final class RegistryUse: Sendable {
    private struct State {
        var users: [String: Int] = [:]
        var closed: Set<String> = []
    }
    private let state = Locked(State())

    /// Between two looks at whether the registry is open again: cleaning takes seconds.
    private static let pause = Duration.milliseconds(200)

    /// Podman's storage on this machine. No registry has such a name.
    static let storage = "containers-storage:"

    /// Uses registries, once nobody cleans one of them any more.
    func with<Result: Sendable>(_ registries: Set<String>, _ body: () async throws -> Result) async throws -> Result {
        while !enter(registries) { try await Task.sleep(for: Self.pause) }
        defer { state.withLock { state in for name in registries { state.users[name, default: 1] -= 1 } } }
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

    private func enter(_ registries: Set<String>) -> Bool {
        state.withLock { state in
            guard state.closed.isDisjoint(with: registries) else { return false }
            for name in registries { state.users[name, default: 0] += 1 }
            return true
        }
    }
}

extension RunInProgress {
    /// While `body` works, neither the pipeline's registry nor podman's storage is cleaned: what a build finds to reuse
    /// stays until it is part of a release.
    func holdingImages(_ body: () async throws -> Void) async throws {
        var names: Set = [RegistryUse.storage]
        switch definition.registry {
        case .digitalocean(let registry, _): names.insert(registry)
        case .embedded: names.insert(needs.registries.embedded ?? "")
        case .address: break
        }
        do {
            try await needs.registryUse.with(names, body)
        } catch is CancellationError {
            // While it waited: by an operator, or because the server goes down and the run stays for the next one.
            throw await verdict(on: CancellationError())
        }
    }
}
