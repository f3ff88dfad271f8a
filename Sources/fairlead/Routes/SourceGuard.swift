import FoundationEssentials
import GitHub
import HTTPServer
import Logging
import Pipelines
import Signing

/// Knows the webhook secrets, and for which repositories each of them may speak.
///
/// A secret that names its sources is bound to the numeric id of each repository when that is first seen: a
/// repository deleted and made again under the same name has another id, and is refused until the operator
/// writes the new id into the configuration.
final class SourceGuard: Sendable {
    private let keys: [HMACKey]
    private let secrets: [ServerSettings.WebhookSecret]
    private let history: History
    private let logger: Logger
    /// Bindings read so far, so that a burst asks the database once.
    private let bindings = Locked<[String: Int64]>([:])

    init(settings: ServerSettings, history: History, logger: Logger) throws {
        secrets = settings.webhookSecrets
        keys = try secrets.map { try HMACKey($0.value.bytes) }
        self.history = history
        self.logger = logger
    }

    /// The index of the secret that signed the request; nil unless there is exactly one, well-formed, right signature.
    func secret(signing request: Request) -> Int? {
        let signatures = request.headers(named: "X-Hub-Signature-256")
        guard signatures.count == 1 else { return nil }
        return WebhookSignature.verify(signatures[0], body: request.body, keys: keys)
    }

    /// Whether the secret may speak for the repository.
    func allows(_ repository: PushEvent.Repository, _ index: Int) -> Bool {
        let secret = secrets[index]
        if secret.sources.isEmpty { return true }
        let urls = [repository.cloneURL, repository.gitURL, repository.sshURL, repository.htmlURL].compactMap { $0 }
        guard secret.covers(repository: repository.fullName, id: repository.id, urls: urls) else { return false }
        return secret.names(id: repository.id) || isBound(repository)
    }

    /// Of the pipelines that a push concerns, those that the secret may speak for.
    func allowed(_ entries: [PipelineSet.Entry], _ index: Int) -> [PipelineSet.Entry] {
        entries.filter { secrets[index].covers($0.definition.source) }
    }

    private func isBound(_ repository: PushEvent.Repository) -> Bool {
        let name = repository.fullName.lowercased()
        do {
            let bound = try bindings.withLock { known in
                if let id = known[name] { return id }
                let id = try history.bindRepository(source: name, repositoryID: repository.id)
                known[name] = id
                return id
            }
            if bound != repository.id {
                logger.warning(
                    "A repository has another id than the one first seen under its name",
                    metadata: [
                        "repository": "\(repository.fullName)", "id": "\(repository.id)", "bound": "\(bound)",
                        "mend":
                            "write {github: \(repository.fullName), id: \(repository.id)} under the secret's sources",
                    ]
                )
            }
            return bound == repository.id
        } catch {
            logger.error("A repository's id could not be recorded", metadata: ["error": "\(error)"])
            return false
        }
    }
}

extension ServerSettings.WebhookSecret {
    /// Whether one of the sources names this very repository by its number.
    fileprivate func names(id: Int64) -> Bool {
        sources.contains { if case .repository(_, id: id) = $0 { true } else { false } }
    }
}
