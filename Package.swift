// swift-tools-version: 6.2
import PackageDescription

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

let package = Package(
    name: "fairlead",
    products: [
        .executable(name: "fairlead", targets: ["fairlead"]),
        .executable(name: "todo-backend", targets: ["todo-backend"]),
        .executable(name: "todo-event-service", targets: ["todo-event-service"]),
        .executable(name: "todo-frontend", targets: ["todo-frontend"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: [
        // C libraries: a module map and named shims each, nothing else.
        .systemLibrary(name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
        .systemLibrary(name: "CGit2", pkgConfig: "libgit2", providers: [.apt(["libgit2-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLinux"),
        .systemLibrary(name: "CCrypt", pkgConfig: "libcrypt", providers: [.apt(["libcrypt-dev"])]),

        // simdjson is C++: compiled here behind a C surface (docs/decisions/json-parsing.md).
        .target(
            name: "CSimdJSON",
            // As Debian compiled the library, so that both sides agree on the layout of a parser.
            cxxSettings: [.define("SIMDJSON_THREADS_ENABLED", to: "1")],
            linkerSettings: [.linkedLibrary("simdjson")]
        ),

        // Wrappers: they import C modules only, and no C pointer leaves them.
        .target(name: "HTTPServer", dependencies: ["CMicroHTTPD", "CZlib"], swiftSettings: settings),
        .target(name: "HTTPClient", dependencies: ["CCurl"], swiftSettings: settings),
        .target(name: "Git", dependencies: ["CGit2", "COpenSSL"], swiftSettings: settings),
        .target(name: "Signing", dependencies: ["CCrypt", "COpenSSL"], swiftSettings: settings),

        // Metrics, traces and logs of our programs; knows none of them.
        .target(
            name: "Telemetry",
            dependencies: ["HTTPClient", .product(name: "Logging", package: "swift-log")],
            swiftSettings: settings
        ),

        // GitHub knows its payloads and its API, not the core.
        .target(name: "GitHub", dependencies: ["CSimdJSON", "HTTPClient", "Signing"], swiftSettings: settings),

        // DigitalOcean knows its API, not the core.
        .target(name: "DigitalOcean", dependencies: ["HTTPClient"], swiftSettings: settings),

        // Kubernetes knows its API, not the core.
        .target(
            name: "Kubernetes",
            dependencies: ["HTTPClient", "Signing", .product(name: "Yams", package: "Yams")],
            swiftSettings: settings
        ),

        // The core: from a delivery to a release. It never imports HTTPServer.
        .target(
            name: "Pipelines",
            dependencies: [
                "CLinux", "CZlib", "DigitalOcean", "Git", "GitHub", "HTTPClient", "Kubernetes", "Signing", "Telemetry",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings
        ),

        // The program: commands, configuration, routes, wiring.
        .executableTarget(
            name: "fairlead",
            dependencies: [
                "DigitalOcean", "Git", "GitHub", "HTTPClient", "HTTPServer", "Kubernetes", "Pipelines", "Signing",
                "Telemetry",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
                .product(name: "Yams", package: "Yams"),
            ],
            swiftSettings: settings
        ),

        // The application of the reference stack: three programs and what they have in common.
        .target(
            name: "TodoCommon",
            dependencies: [
                "HTTPClient", "HTTPServer", "Telemetry",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            path: "deploy/todo/common",
            swiftSettings: settings
        ),
        .executableTarget(
            name: "todo-backend",
            dependencies: [
                "HTTPClient", "HTTPServer", "Telemetry", "TodoCommon",
                .product(name: "Logging", package: "swift-log"),
            ],
            path: "deploy/todo/backend",
            exclude: ["Containerfile", "Containerfile.dockerignore"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "todo-event-service",
            dependencies: [
                "HTTPServer", "Telemetry", "TodoCommon", .product(name: "Logging", package: "swift-log"),
            ],
            path: "deploy/todo/event-service",
            exclude: ["Containerfile", "Containerfile.dockerignore"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "todo-frontend",
            dependencies: ["HTTPClient", "HTTPServer", "TodoCommon"],
            path: "deploy/todo/frontend",
            exclude: ["Containerfile", "Containerfile.dockerignore", "static"],
            swiftSettings: settings
        ),

        // An HTTP server for tests that answers as it is told.
        .target(name: "TestBackend", dependencies: ["HTTPServer"], path: "Tests/TestBackend", swiftSettings: settings),

        // A Kubernetes API server for tests and benches; `test-cluster` runs it as a process of its own.
        .target(
            name: "TestCluster",
            dependencies: ["HTTPClient", "HTTPServer", "Kubernetes", .product(name: "Yams", package: "Yams")],
            path: "Tests/TestCluster",
            exclude: ["README.md"],
            swiftSettings: settings
        ),
        .executableTarget(
            name: "test-cluster",
            dependencies: ["TestCluster"],
            path: "Tests/TestClusterServer",
            swiftSettings: settings
        ),

        .testTarget(name: "HTTPServerTests", dependencies: ["HTTPServer"], swiftSettings: settings),
        .testTarget(name: "HTTPClientTests", dependencies: ["HTTPClient"], swiftSettings: settings),
        .testTarget(
            name: "TelemetryTests",
            dependencies: ["HTTPClient", "HTTPServer", "Telemetry", "TestBackend"],
            swiftSettings: settings
        ),
        .testTarget(name: "GitTests", dependencies: ["Git"], swiftSettings: settings),
        .testTarget(name: "SigningTests", dependencies: ["Signing"], swiftSettings: settings),
        .testTarget(
            name: "GitHubTests",
            dependencies: ["GitHub", "HTTPClient", "HTTPServer", "Signing", "TestBackend"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "DigitalOceanTests",
            dependencies: ["DigitalOcean", "HTTPClient", "HTTPServer", "TestBackend"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "KubernetesTests",
            dependencies: ["HTTPClient", "HTTPServer", "Kubernetes", "TestCluster"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "TestClusterTests",
            dependencies: ["HTTPClient", "HTTPServer", "Kubernetes", "TestCluster"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "PipelinesTests",
            dependencies: [
                "HTTPClient", "HTTPServer", "Kubernetes", "Pipelines", "Telemetry", "TestBackend", "TestCluster",
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "TodoTests",
            dependencies: [
                "HTTPClient", "HTTPServer", "Telemetry", "TodoCommon", "todo-backend", "todo-event-service",
                "todo-frontend", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings
        ),
        .testTarget(
            name: "FairleadTests",
            dependencies: ["HTTPServer", "Kubernetes", "Pipelines", "TestBackend", "TestCluster", "fairlead"],
            swiftSettings: settings
        ),
        .testTarget(
            name: "EndToEnd",
            dependencies: [
                "HTTPClient", "HTTPServer", "Kubernetes", "Pipelines", "Signing", "TestBackend", "TestCluster",
                "fairlead",
            ],
            swiftSettings: settings
        ),
    ],
    cxxLanguageStandard: .cxx17
)
