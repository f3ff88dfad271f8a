internal import GRDB
import Telemetry

#if canImport(FoundationEssentials)
    internal import FoundationEssentials
#else
    internal import Foundation
#endif

extension History {
    /// One run whole; nil if there is none with this number.
    public func run(_ id: Int64) async throws -> RunDetail? {
        try await read { db in
            guard let summary = self.withWaits(try RunSummary.fetch([id], db)).first else { return nil }
            let attempts = try AttemptRecord.all(of: id, db)
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT d.guid, f.body FROM runs r JOIN definitions f ON f.id = r.definition_id
                    LEFT JOIN deliveries d ON d.id = r.delivery_id WHERE r.id = ?
                    """,
                arguments: [id]
            )
            let outputs = StageOutputs(attempts.filter { !$0.overtaken })
            return RunDetail(
                summary: summary,
                delivery: row?["guid"],
                traceID: try RunRecord.find(id, db)?.traceID.description ?? "",
                attempts: attempts.map { StageView($0) },
                images: summary.rollbackTo == nil ? outputs.images : try RunDetail.imagesRolledBackTo(by: id, db),
                release: outputs.release,
                smokeTest: outputs.smokeTest,
                reruns: try Rerun.all(of: id, db),
                definition: (row?["body"] as String?).flatMap { try? DefinitionBody.decode($0) }
            )
        }
    }

    /// What the environment serves now, with its services; nil if nothing was deployed.
    public func pipelineLive(environment: String) async throws -> PipelineLive? {
        try await read { db in
            guard let live = try LiveRelease.find(environment, db) else { return nil }
            return PipelineLive(
                run: live.run,
                revision: live.revision,
                release: live.release,
                since: live.since,
                services: try live.services(db).map(ServiceView.init)
            )
        }
    }

    /// How the Services of what the environment serves are reached.
    func services(of live: LiveRelease) async throws -> [ServiceEndpoint] {
        try await read { db in try live.services(db) }
    }
}

extension LiveRelease {
    /// As its own deploy said: a run that was run again has deployed more than once.
    fileprivate func services(_ db: Database) throws -> [ServiceEndpoint] {
        let deploys = try AttemptRecord.all(of: run, db).filter { $0.stage == .deploy && $0.status == .succeeded }
        let outputs = deploys.compactMap { attempt in
            attempt.output.flatMap { try? JSONDecoder().decode(DeployOutput.self, from: Data($0)) }
        }
        return outputs.last { $0.release == release }?.services ?? []
    }
}

extension RunDetail {
    /// Those of the release that a rollback applies again.
    fileprivate static func imagesRolledBackTo(by run: Int64, _ db: Database) throws -> [ImageView] {
        let list = try String.fetchOne(
            db,
            sql: "SELECT l.images FROM runs r JOIN releases l ON l.id = r.rollback_release WHERE r.id = ?",
            arguments: [run]
        )
        let images = try list.map { try JSONDecoder().decode([PushedImage].self, from: Data($0.utf8)) }
        return (images ?? []).map {
            ImageView(name: $0.name, origin: .reused, digest: $0.digest, reference: $0.reference)
        }
    }
}

/// What the stages of a run left, as far as a page shows it. An output that cannot be read is left out: a page that
/// shows less is better than none.
private struct StageOutputs {
    let images: [RunDetail.ImageView]
    let release: RunDetail.ReleaseView?
    let smokeTest: [SmokeResult]

    private struct Images<Image: Decodable>: Decodable { var images: [Image] }
    private struct Checked: Decodable { var checks: [SmokeResult] }

    init(_ attempts: [AttemptRecord]) {
        /// The newest output of a stage; a failed attempt's report counts only for the smoke test.
        func newest(_ stage: StageName, _ wanted: (StageStatus) -> Bool) -> Data? {
            let attempt = attempts.last { $0.stage == stage && wanted($0.status) && $0.output != nil }
            return attempt?.output.map { Data($0) }
        }
        func decode<Output: Decodable>(_ type: Output.Type, _ data: Data?) -> Output? {
            data.flatMap { try? JSONDecoder().decode(type, from: $0) }
        }
        /// The images as a plain list, or under the key `images`.
        func list<Image: Decodable>(_ type: Image.Type, _ data: Data?) -> [Image]? {
            decode([Image].self, data) ?? decode(Images<Image>.self, data)?.images
        }
        let succeeded: (StageStatus) -> Bool = { $0 == .succeeded }
        if let pushed = list(PushedImage.self, newest(.push, succeeded)) {
            images = pushed.map {
                RunDetail.ImageView(name: $0.name, origin: $0.origin, digest: $0.digest, reference: $0.reference)
            }
        } else {
            let built = list(BuiltImage.self, newest(.build, succeeded)) ?? []
            images = built.map {
                let digest = $0.reference?.split(separator: "@").last.map(String.init)
                return RunDetail.ImageView(name: $0.name, origin: $0.origin, digest: digest, reference: $0.reference)
            }
        }
        release = decode(DeployOutput.self, newest(.deploy, succeeded)).map {
            RunDetail.ReleaseView(id: $0.release, services: $0.services.map(ServiceView.init))
        }
        smokeTest = decode(Checked.self, newest(.smokeTest) { $0.isEnded })?.checks ?? []
    }
}

extension StageStatus {
    fileprivate var isEnded: Bool { self != .pending && self != .running }
}
