import HTTPServer
import TodoCommon

/// The program `todo-frontend`: the page.
@main
struct Frontend {
    static let settings = [
        Setting("STATIC", "The folder with the page.", standard: "/usr/local/share/todo/static"),
        Setting("BACKEND_URL", "Where /api goes, where no gateway does it."),
        Setting("EVENT_SERVICE_URL", "Where /api/events goes, where no gateway does it."),
    ]

    static func main() async {
        await Program.main {
            let program = try Program("frontend", port: 8080, settings: settings)
            return (program, try service(program))
        }
    }

    private static func service(_ program: Program) throws -> Program.Service {
        let settings = program.settings
        let routes = FrontendRoutes(
            files: program.isDescribing ? nil : try StaticFiles(folder: settings.required("STATIC")),
            backend: try settings.base("BACKEND_URL").map {
                Passage(base: $0, name: "backend", client: program.client)
            },
            events: try settings.base("EVENT_SERVICE_URL").map {
                Passage(base: $0, name: "event service", client: program.client)
            }
        )
        return Program.Service(router: Router([], restPatterns: ["/", "/api/*"], rest: routes.route))
    }
}
