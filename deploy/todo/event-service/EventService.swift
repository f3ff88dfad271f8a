import TodoCommon

/// The program `todo-event-service`: takes the events that Dapr delivers, and shows what happened.
@main
struct EventService {
    static let settings =
        Setting.state + [
            Setting("PUBSUB", "The name of the Dapr component that events come from.", standard: "pubsub"),
            Setting("APP_API_TOKEN", "What deliveries must carry, set by Dapr.", secret: true),
        ]

    static func main() async {
        await Program.main {
            let program = try Program("event-service", port: 8001, settings: settings)
            return (program, try service(program))
        }
    }

    private static func service(_ program: Program) throws -> Program.Service {
        let documents = Documents(try program.openState())
        let readiness = Readiness(documents)
        let routes = EventRoutes(
            history: EventHistory(documents),
            pubsub: try program.settings.required("PUBSUB"),
            token: program.settings["APP_API_TOKEN"],
            metrics: EventMetrics(program.metrics),
            logger: program.logger
        )
        return Program.Service(
            router: Router(routes.routes),
            maxBodyBytes: 1024 * 1024,
            readiness: { await readiness.trouble() }
        )
    }
}
