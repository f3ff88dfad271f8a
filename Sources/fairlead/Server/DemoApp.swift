import ArgumentParser

/// What the demo deploys: a repository made of what is on this machine, because nothing is fetched.
struct DemoApp: Sendable {
    enum Name: String, ExpressibleByArgument, CaseIterable { case sample, todo }

    /// For people, after "A repository with".
    let summary: String
    /// What the repository is made of, in order.
    let parts: [Part]
    /// The pipeline without its source.
    let pipeline: String
    /// The file of the repository that says which version it is.
    let versionFile: String
    /// Where the deployed version says so: a Service and a path.
    let version: (service: String, path: String)

    enum Part: Sendable {
        /// A folder of the share, to a folder of the repository ("" is its root).
        case folder(String, to: String)
        /// The busybox of this machine, which needs no library.
        case busybox(to: String)
        /// A program that is built beside this one, and the libraries that it needs, below a folder of the repository at
        /// the places that they have here.
        case program(String, below: String)
    }

    init(_ name: Name) {
        switch name {
        case .sample: self = .sample
        case .todo: self = .todo
        }
    }

    private init(
        summary: String,
        parts: [Part],
        pipeline: String,
        versionFile: String,
        version: (service: String, path: String)
    ) {
        self.summary = summary
        self.parts = parts
        self.pipeline = pipeline
        self.versionFile = versionFile
        self.version = version
    }

    private static let sample = DemoApp(
        summary: "a small service",
        parts: [.folder("pipelines/demo/sample", to: ""), .busybox(to: "busybox")],
        pipeline: """
            images: { web: { context: . } }
            deploy: { podman: {}, manifests: [k8s] }
            smokeTest:
              - { name: says hello, get: "service://web:80/", expect: { body: Hello } }

            """,
        versionFile: "index.html",
        version: ("web", "/")
    )

    /// The application of the reference stack on one machine, without Kafka and Dapr.
    private static let todo = DemoApp(
        summary: "the todo application, three programs",
        parts: [
            .folder("pipelines/demo/todo", to: ""),
            .folder("deploy/todo/podman", to: "podman"),
            .folder("deploy/todo/frontend/static", to: "frontend/static"),
            .program("todo-backend", below: "backend/root"),
            .program("todo-event-service", below: "event-service/root"),
            .program("todo-frontend", below: "frontend/root"),
        ],
        pipeline: """
            images:
              backend: { context: backend }
              event-service: { context: event-service }
              frontend: { context: frontend }
            deploy: { podman: {}, manifests: [podman] }
            smokeTest:
              - { name: the page, get: "service://frontend:8080/", expect: { body: "<title>Todo" } }
              - name: the backend through the frontend
                get: service://frontend:8080/api/health
                expect: { json: { status: ok } }
              - name: a task is made at the frontend
                post: service://frontend:8080/api/tasks
                json: { title: See Fairlead deploy three images }
                capture: { task: id }
                expect: { status: 201 }
              - name: the backend has it
                get: service://backend:8000/api/tasks/{{task}}
                expect: { json: { id: "{{task}}", completed: false } }
              - name: the event service has heard of it
                get: service://event-service:8001/api/events?task={{task}}
                expect: { json: { events.0.type: todo.tasks.created } }
                retry: { every: 100ms }
              - name: the task is removed
                delete: service://frontend:8080/api/tasks/{{task}}
                expect: { status: 204 }
              - name: the event service has heard of that too
                get: service://frontend:8080/api/events?task={{task}}
                expect: { json: { events.0.type: todo.tasks.deleted } }
                retry: { every: 100ms }

            """,
        versionFile: "frontend/static/version.txt",
        version: ("frontend", "/version.txt")
    )
}
