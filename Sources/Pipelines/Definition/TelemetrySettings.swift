extension ServerSettings {
    /// Where traces go.
    public struct TelemetrySettings: Sendable, Equatable {
        /// A collector that takes OTLP over HTTP, without `/v1/traces` and without a slash at the end; nil: no traces are
        /// exported.
        public var otlp: String?
        /// How many of the traces that begin here are exported, from 0 to 1. Default: 1.
        public var sampleRatio = 1.0
    }

    public enum LogFormat: String, Sendable, CaseIterable {
        case text
        /// One object a line.
        case json
    }
}

extension Shape {
    static let telemetry = Shape.object(
        ObjectShape(keys: [
            .optional(
                "otlp",
                .text(.apiURL),
                """
                A collector that takes OTLP over HTTP, without /v1/traces: http://jaeger:4318. Default: the variable \
                OTEL_EXPORTER_OTLP_ENDPOINT; without it, no traces are exported.
                """
            ),
            .optional(
                "sampleRatio",
                .share,
                "How many of the traces that begin here are exported, from 0 to 1. Default: 1."
            ),
        ])
    )
}
