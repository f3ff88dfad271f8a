import Glibc
import Testing

@testable import Pipelines

@Suite("SmallFile")
struct SmallFileTests {
    @Test("a folder is removed with names that are no text, and without what links in it lead to")
    func removal() throws {
        let folder = try TestFolder()
        try folder.write("kept", to: "outside/file")
        try folder.write("x", to: "tree/deep/file")
        #expect(symlink("\(folder.path)/outside", "\(folder.path)/tree/link") == 0)
        for name: [UInt8] in [[0xFF], [0x0A, 0x2D], [0xE2, 0x80]] {
            let path = Array("\(folder.path)/tree/deep/".utf8) + name + [0]
            #expect(path.withUnsafeBytes { mkdir($0.bindMemory(to: CChar.self).baseAddress!, 0o755) } == 0)
        }
        SmallFile.remove("\(folder.path)/tree")
        #expect(!SmallFile.exists("\(folder.path)/tree"))
        #expect(SmallFile.exists("\(folder.path)/outside/file"))
    }
}
