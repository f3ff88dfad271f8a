extension Schema {
    /// Version 8: a run remembers the request that queued it, so that one trace leads from the push to the smoke test.
    static let version8 = """
        -- The values of the headers traceparent and tracestate, a line each. NULL: nothing was traced then.
        ALTER TABLE runs ADD COLUMN trace_context TEXT;
        """
}
