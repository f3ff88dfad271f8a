/// The secrets of one run: the pipeline's own, and what masks them together with the server's.
struct RunSecrets: Sendable {
    /// The pipeline's secrets by name, or the fault that kept them from being read.
    let values: Result<[String: SecretValue], StageError>
    let masker: Masker

    /// - Parameter recorded: those of a release that is applied again; they may be others than today's.
    init(_ definition: Definition, recorded: [SecretValue] = [], needs: RunDependencies) {
        var values: [String: SecretValue] = [:]
        var fault: StageError?
        for (name, source) in definition.secrets.sorted(by: { $0.key < $1.key }) {
            do {
                values[name] = try resolve(source, environment: needs.environment)
            } catch {
                fault = fault ?? StageError(.errored, "secret-missing", "secret \(name): \(error)")
            }
        }
        self.values = fault.map { .failure($0) } ?? .success(values)
        self.masker = Masker(secrets: Array(values.values) + recorded + needs.serverSecrets)
    }
}
