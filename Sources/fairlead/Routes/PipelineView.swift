import Pipelines

/// A pipeline as `/api/v1/pipelines` shows it: what it is, what its environment serves now, what keeps pushes back, and
/// when it was last compared with its repository. Every key is always there; what does not apply is null.
struct PipelineView: Encodable {
    struct Source: Encodable {
        let repository: String
        let branch: String?
        let tags: String?
        let paths: [String]

        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(repository, forKey: .repository)
            try container.encode(branch, forKey: .branch)
            try container.encode(tags, forKey: .tags)
            try container.encode(paths, forKey: .paths)
        }

        private enum CodingKeys: String, CodingKey { case repository, branch, tags, paths }
    }

    let name: String
    let environment: String
    let source: Source
    let onPush: String
    let live: PipelineLive?
    let hold: EnvironmentHold?
    let pause: EnvironmentPause?
    let compared: HeadComparison?

    /// What is so now.
    struct State {
        let live: PipelineLive?
        let hold: EnvironmentHold?
        let pause: EnvironmentPause?
        let compared: HeadComparison?
    }

    init(_ definition: Definition, _ state: State, whole: Bool) {
        name = definition.name
        environment = definition.environment
        let origin = definition.source
        source = Source(
            repository: whole || origin.github != nil ? withoutUserInfo(origin.repository) : "",
            branch: origin.branch,
            tags: origin.tags,
            paths: origin.paths
        )
        onPush = definition.onPush.rawValue
        live = whole ? state.live : state.live?.redacted()
        hold = whole ? state.hold : state.hold?.redacted()
        pause = whole ? state.pause : state.pause?.redacted()
        compared = whole ? state.compared : state.compared?.redacted()
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(environment, forKey: .environment)
        try container.encode(source, forKey: .source)
        try container.encode(onPush, forKey: .onPush)
        try container.encode(live, forKey: .live)
        try container.encode(hold, forKey: .hold)
        try container.encode(pause, forKey: .pause)
        try container.encode(compared, forKey: .compared)
    }

    private enum CodingKeys: String, CodingKey { case name, environment, source, onPush, live, hold, pause, compared }
}

/// A URL without `user:password@`, which does not belong on a page.
private func withoutUserInfo(_ url: String) -> String {
    guard let colon = url.firstIndex(of: ":"), url[colon...].hasPrefix("://") else { return url }
    let authority = url[colon...].dropFirst(3)
    guard let at = authority.firstIndex(of: "@"), !authority[..<at].contains("/") else { return url }
    return "\(url[..<colon])://\(authority[authority.index(after: at)...])"
}
