import Foundation

/// A wall clock for one program, ahead of the real one or behind. Clocks that nobody sets are left as they are, as where
/// an operator sets the time.
struct TestClock: Sendable {
    private let library: String
    private let offset: String

    /// - Parameter base: where its files go.
    init(in base: String) async throws {
        library = "\(base)/clock.so"
        offset = "\(base)/clock"
        try Data(count: 8).write(to: URL(filePath: offset))
        try Self.source.write(toFile: "\(base)/clock.c", atomically: true, encoding: .utf8)
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        // The one that comes with Swift.
        let compiler = folders.map { "\($0)/clang" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let compiler else { throw Unexpected("there is no clang beside swift") }
        try await sh(compiler, ["-shared", "-fPIC", "-O1", "-o", library, "\(base)/clock.c"])
    }

    /// What the program is started with.
    var prefix: [String] { ["/usr/bin/env", "LD_PRELOAD=\(library)", "TEST_CLOCK=\(offset)"] }

    /// Sets the clock, by so many seconds from the real time.
    func set(by seconds: Int) throws {
        guard let file = FileHandle(forUpdatingAtPath: offset) else { throw Unexpected("no clock") }
        try file.write(contentsOf: withUnsafeBytes(of: Int64(seconds)) { Data($0) })
        try file.close()
    }

    private static let source = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <stdint.h>
        #include <stdlib.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static volatile int64_t *offset;

        __attribute__((constructor)) static void start(void) {
            int file = open(getenv("TEST_CLOCK"), O_RDONLY | O_CLOEXEC);
            void *bytes = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
            if (bytes != MAP_FAILED) offset = bytes;
            close(file);
        }

        int clock_gettime(clockid_t clock, struct timespec *time) {
            int status = syscall(SYS_clock_gettime, clock, time);
            if (status == 0 && offset && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
                time->tv_sec += *offset;
            return status;
        }

        int gettimeofday(struct timeval *restrict now, void *restrict zone) {
            struct timespec time;
            clock_gettime(CLOCK_REALTIME, &time);
            now->tv_sec = time.tv_sec;
            now->tv_usec = time.tv_nsec / 1000;
            return 0;
        }

        time_t time(time_t *result) {
            struct timespec time;
            clock_gettime(CLOCK_REALTIME, &time);
            if (result) *result = time.tv_sec;
            return time.tv_sec;
        }

        """
}
