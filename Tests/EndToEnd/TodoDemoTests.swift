import Foundation
import Testing

extension EndToEnd {
    /// `make demo APP=todo`, as it is typed.
    @Suite("The demo of the todo application") struct TodoDemoTests {
        @Test("three images from one repository run on podman, a task goes through all three, and nothing is left")
        func demo() async throws {
            let before = try leftovers()
            let (status, said) = try await sh(
                World.program,
                ["demo", "--app", "todo", "--once"],
                folder: World.root,
                environment: ["FAIRLEAD_SHARE": World.root],
                expecting: nil
            )
            try #require(status == 0, "\(said)")
            #expect(said.contains("demo: 2 runs succeeded"))
            for image in ["backend", "event-service", "frontend"] {
                #expect(said.contains("image \(image): building from \(image)"))
            }
            // Version two is another page alone.
            #expect(said.components(separatedBy: "nothing that goes into it changed").count - 1 == 2)
            #expect(said.contains("answers: Hello from version two."))
            for check in [
                "a task is made at the frontend", "the backend has it", "the event service has heard of it",
                "the task is removed", "the event service has heard of that too",
            ] {
                #expect(said.components(separatedBy: "passed: \(check): ").count - 1 == 2, "\(check)")
            }
            #expect(try leftovers().subtracting(before) == [])
        }

        /// Folders and processes of demos.
        private func leftovers() throws -> Set<String> {
            let folders = try FileManager.default.contentsOfDirectory(atPath: "/var/tmp").filter {
                $0.hasPrefix("fairlead-demo-")
            }
            let processes = try FileManager.default.contentsOfDirectory(atPath: "/proc").filter { pid in
                Int(pid) != nil
                    && ((try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? "").contains(
                        "/fairlead-demo-"
                    )
            }
            return Set(folders + processes)
        }
    }
}
