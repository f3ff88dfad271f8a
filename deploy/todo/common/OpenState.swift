extension Program {
    /// The sidecar, where there is one.
    public func sidecar() throws -> DaprSidecar? {
        try settings.port("DAPR_HTTP_PORT").map {
            DaprSidecar(port: $0, token: settings["DAPR_API_TOKEN"], client: client)
        }
    }

    /// Where the program keeps its documents: behind the sidecar, or in a folder of its own.
    public func openState() throws -> any StateStore {
        if let sidecar = try sidecar() { return DaprStateStore(sidecar, name: try settings.required("STATE_STORE")) }
        return isDescribing ? NoStateStore() : try SQLiteStateStore(folder: settings.required("DATA"))
    }
}

/// Of a program that only describes itself.
private struct NoStateStore: StateStore {
    func read(_ keys: [String]) async throws -> [String: StateDocument] { throw StateError.failure("not opened") }
    func write(_ key: String, _ value: [UInt8], etag: String?, lifetime: Duration?) async throws {
        throw StateError.failure("not opened")
    }
}
