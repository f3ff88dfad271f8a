import Glibc

/// Gives back the memory that only the start needed: the program text that was run once.
///
/// Text is clean and mapped from files, so that dropping it costs nothing: a page that is needed again comes back from
/// the page cache. Without this the dynamic linker and the Swift runtime's look at every conformance keep some 25 MB of
/// it resident for good. Source: madvise(2), `MADV_DONTNEED` on private file mappings that were never written.
func returnStartupMemory() {
    for line in wholeText("/proc/self/maps").split(separator: "\n") {
        let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
        guard fields.count == 6, fields[1] == "r-xp", fields[4] != "0" else { continue }
        let ends = fields[0].split(separator: "-").compactMap { UInt(String($0), radix: 16) }
        guard ends.count == 2, let start = UnsafeMutableRawPointer(bitPattern: ends[0]) else { continue }
        madvise(start, Int(ends[1] - ends[0]), MADV_DONTNEED)
    }
}

/// All of a file whose size nobody knows beforehand, as those in /proc are; empty when it cannot be read.
private func wholeText(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
        let count = read(descriptor, &chunk, chunk.count)
        guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
        bytes += chunk[..<count]
    }
}
