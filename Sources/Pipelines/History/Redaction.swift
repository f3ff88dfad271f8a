extension RunSummary {
    /// What somebody without a token may see where the configuration says `public: status`: no reasons.
    public func redacted() -> RunSummary {
        var run = self
        run.reason = nil
        run.undo?.reason = ""
        run.stages = run.stages.map { $0.redacted() }
        return run
    }
}

extension StageView {
    fileprivate func redacted() -> StageView {
        var stage = self
        stage.reason = nil
        return stage
    }
}

extension PipelineLive {
    /// What somebody without a token may see where the configuration says `public: status`: no addresses.
    public func redacted() -> PipelineLive {
        var live = self
        live.services = []
        return live
    }
}

extension EnvironmentHold {
    /// What somebody without a token may see where the configuration says `public: status`: no names, no
    /// reasons.
    public func redacted() -> EnvironmentHold {
        var hold = self
        hold.by = nil
        hold.reason = nil
        return hold
    }
}

extension EnvironmentPause {
    /// What somebody without a token may see where the configuration says `public: status`: no names and no reasons.
    public func redacted() -> EnvironmentPause { EnvironmentPause(since: since, by: nil, reason: nil) }
}

extension Rerun {
    fileprivate func redacted() -> Rerun {
        var rerun = self
        rerun.by = nil
        rerun.before.reason = nil
        rerun.before.undo?.reason = ""
        return rerun
    }
}

extension RunDetail {
    /// What somebody without a token may see where the configuration says `public: status`: no reasons, no excerpts,
    /// no addresses and no definition.
    public func redacted() -> RunDetail {
        var run = self
        run.summary = summary.redacted()
        run.attempts = attempts.map { $0.redacted() }
        run.images = []
        run.release = nil
        run.smokeTest = []
        run.reruns = reruns.map { $0.redacted() }
        run.definition = nil
        return run
    }
}
