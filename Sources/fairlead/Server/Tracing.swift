import HTTPClient
import Pipelines
import Telemetry

/// Where traces go, as the settings say.
struct Tracing: Sendable {
    let tracer: Tracer
    private let exporter: OTLPExporter?

    /// How long the program's end waits for a collector to take the last spans.
    private static let lastSpans = Duration.seconds(2)

    init(_ settings: ServerSettings, registry: MetricRegistry, client: HTTPClient) {
        exporter = settings.telemetry.otlp.map { endpoint in
            OTLPExporter(
                OTLPExporter.Configuration(
                    endpoint: endpoint,
                    resource: ["service.name": "fairlead", "service.version": .string(Fairlead.version)]
                ),
                client: client,
                registry: registry
            )
        }
        tracer = Tracer(sampler: .ratio(settings.telemetry.sampleRatio), exporter: exporter)
    }

    func end() async { await exporter?.shutdown(within: Self.lastSpans) }
}
