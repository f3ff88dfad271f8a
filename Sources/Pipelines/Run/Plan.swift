extension RunDependencies {
    /// What a push of the branch's head would do, without doing it: nothing is built, pushed or applied.
    ///
    /// - Parameter revision: nil for the head of the branch.
    /// - Returns: lines for the terminal, with Secrets masked.
    /// - Throws: `StageError`, or what the repository or the cluster says.
    public func plan(
        _ definition: Definition,
        revision: String?,
        log: any StageLog
    ) async throws -> [String] {
        let workspace = Workspace(
            name: "plan-\(UInt64.random(in: 0...UInt64.max))",
            definition: definition,
            needs: self
        )
        do {
            let lines = try await plan(definition, workspace, revision, log)
            await workspace.remove()
            return lines
        } catch {
            await workspace.remove()
            throw error
        }
    }

    private func plan(
        _ definition: Definition,
        _ workspace: Workspace,
        _ revision: String?,
        _ log: any StageLog
    ) async throws -> [String] {
        guard let ref = definition.source.ref else {
            throw StageError(
                .failed,
                "needs-branch",
                "pipeline \(definition.name) deploys tags: there is no head to plan"
            )
        }
        let head = try await workspace.head(of: ref) { _ in }
        let revision = revision ?? head
        try await workspace.ensure(revision)
        var lines = [
            "\(definition.name): \(revision) of \(ref) to \(definition.deploy.target), \(definition.deploy.namespace)"
        ]
        let known = try await history.newestImages(pipeline: definition.name)
        var images: [PushedImage] = []
        for image in definition.images {
            let pushed = known[image.name]
            let digest = pushed?.digest ?? "sha256:" + String(repeating: "0", count: 64)
            let repository = try registries.repository(of: image.name, in: definition)
            images.append(
                PushedImage(
                    name: image.name,
                    origin: .reused,
                    key: "",
                    digest: digest,
                    reference: pushed?.reference ?? "\(repository)@\(digest)"
                )
            )
            lines.append(
                pushed == nil
                    ? "image \(image.name): not pushed yet; shown with a digest of zeros"
                    : "image \(image.name): as pushed last, \(digest.prefix(19))…; built anew if its inputs have changed"
            )
        }
        let secrets = RunSecrets(definition, needs: self)
        let revisionToRender = RevisionToRender(
            checkout: workspace.folder,
            images: images,
            secrets: try secrets.values.get().mapValues(\.bytes)
        )
        let planned = try await target(of: definition, run: nil).plan(revisionToRender, log: log)
        return (lines + planned).map(secrets.masker.mask)
    }
}
