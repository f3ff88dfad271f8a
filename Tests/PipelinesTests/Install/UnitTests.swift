import Foundation
import Testing

@testable import Pipelines

private let analyzer = "/usr/bin/systemd-analyze"

/// `deploy/fairlead/fairlead.service`, read by systemd's own tool.
@Suite(
    "The systemd unit",
    .enabled("no systemd-analyze on this machine") { FileManager.default.isExecutableFile(atPath: analyzer) }
)
struct UnitTests {
    /// The unit with a program that is there, in a folder of its own.
    private func folder(withContainers: Bool) throws -> TestFolder {
        let source = InstallTests.folder
        let folder = try TestFolder()
        let unit = try String(contentsOfFile: "\(source)/fairlead.service", encoding: .utf8)
        try folder.write(
            unit.replacing("ExecStart=/usr/local/bin/fairlead", with: "ExecStart=/bin/true"),
            to: "fairlead.service"
        )
        if withContainers {
            let name = "fairlead.service.d/containers.conf"
            try folder.write(try String(contentsOfFile: "\(source)/\(name)", encoding: .utf8), to: name)
        }
        return folder
    }

    private func analyze(_ arguments: [String], in folder: TestFolder) async throws -> (succeeded: Bool, said: String) {
        let log = CollectedLog()
        let result = try await ChildProcess(ledger: nil, run: nil).run(
            analyzer,
            arguments + ["\(folder.path)/fairlead.service"],
            workingFolder: folder.path,
            deadline: .seconds(30)
        ) { log.write($0) }
        return (result.succeeded, log.text)
    }

    @Test("systemd finds nothing to complain about", arguments: [false, true])
    func verify(withContainers: Bool) async throws {
        let folder = try folder(withContainers: withContainers)
        let (succeeded, said) = try await analyze(["verify"], in: folder)
        #expect(succeeded && said.isEmpty, "\(said)")
    }

    @Test("It is let to do next to nothing: an exposure of at most 2 of 10")
    func security() async throws {
        let (succeeded, said) = try await analyze(
            ["security", "--offline=true", "--threshold=20", "--no-pager"],
            in: try folder(withContainers: false)
        )
        #expect(succeeded, "\(said)")
    }
}
