/// A child process as it is recorded before it may do anything, so that the next server can end it after a crash.
public struct ChildRecord: Codable, Sendable, Equatable {
    /// Also the id of the child's process group.
    public var pid: Int32
    /// Field 22 of `/proc/PID/stat`: clock ticks after boot. With the boot id it tells one process from a later one of
    /// the same pid.
    public var startTime: UInt64
    public var bootID: String
    public var command: String
    public var run: Int64?

    public init(pid: Int32, startTime: UInt64, bootID: String, command: String, run: Int64?) {
        self.pid = pid
        self.startTime = startTime
        self.bootID = bootID
        self.command = command
        self.run = run
    }
}

/// Where children are recorded: the database in the server.
public protocol ChildLedger: Sendable {
    func record(_ child: ChildRecord) async throws
    func forget(pid: Int32) async
}
