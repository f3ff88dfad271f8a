import Testing

@testable import Kubernetes

@Suite struct DiagnosisTests {
    static func pod(_ statuses: String, phase: String = "Running") throws -> JSON {
        try parsed(#"{"metadata": {"name": "web-1"}, "status": {"phase": "\#(phase)", \#(statuses)}}"#)
    }

    @Test(arguments: [
        (
            #""containerStatuses": [{"name": "backend", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}}, "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}}]"#,
            "backend: CrashLoopBackOff, exit 1, `DATABASE_URL is not set`"
        ),
        (
            #""containerStatuses": [{"name": "backend", "restartCount": 3, "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]"#,
            "backend: OOMKilled, exit 137, `DATABASE_URL is not set`"
        ),
        (
            #""containerStatuses": [{"name": "side", "state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image \"x\""}}}, {"name": "backend", "state": {"waiting": {"reason": "ContainerCreating"}}}]"#,
            #"backend/side: ImagePullBackOff, Back-off pulling image "x""#
        ),
        (
            #""containerStatuses": [{"name": "backend", "state": {"waiting": {"reason": "CreateContainerConfigError", "message": "secret \"s\" not found"}}}]"#,
            #"backend: CreateContainerConfigError, secret "s" not found"#
        ),
        (
            #""initContainerStatuses": [{"name": "migrate", "restartCount": 1, "state": {"terminated": {"exitCode": 2, "reason": "Error"}}}], "containerStatuses": [{"name": "backend", "state": {"waiting": {"reason": "PodInitializing"}}}]"#,
            "backend/migrate: CrashLoopBackOff, exit 2, `DATABASE_URL is not set`"
        ),
        (
            #""conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes are available: 3 Insufficient memory."}]"#,
            "backend: Unschedulable, 0/3 nodes are available: 3 Insufficient memory."
        ),
    ]
    )
    func `what ails a pod`(_ statuses: String, sentence: String) throws {
        let trouble = try #require(PodTrouble.worst(of: [try Self.pod(statuses)]))
        let ran = trouble.exitCode != nil
        let log = ran ? ["starting", "DATABASE_URL is not set", ""] : []
        #expect(Diagnosis.sentence(workload: "backend", trouble: trouble, log: log) == sentence)
    }

    @Test func `nothing ails what starts, runs, or is being deleted`() throws {
        let waiting = #""containerStatuses": [{"name": "a", "state": {"waiting": {"reason": "ContainerCreating"}}}]"#
        let restarted =
            #""containerStatuses": [{"name": "a", "ready": true, "restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}}]"#
        #expect(PodTrouble.worst(of: [try Self.pod(waiting), try Self.pod(restarted)]) == nil)
        var gone = try Self.pod(#""containerStatuses": [{"name": "a", "state": {"terminated": {"exitCode": 143}}}]"#)
        #expect(PodTrouble.worst(of: [gone]) != nil)
        gone.set(["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z")
        #expect(PodTrouble.worst(of: [gone]) == nil)
    }

    @Test(arguments: [
        (["ok", "boom"], "boom"),
        (["Traceback (most recent call last):", "  File \"a.py\", line 1", "KeyError: 'X'"], "KeyError: 'X'"),
        (["Error: no X", "    at main (a.js:1)", "    at b.js", "", "Node.js v22.1.0"], "Error: no X"),
        (
            ["panic: no X", "", "goroutine 1 [running]:", "main.main()", "\t/a.go:5 +0x1d", "exit status 2"],
            "panic: no X"
        ),
    ]
    )
    func `the line of a log that says why`(_ log: [String], line: String) {
        let trouble = PodTrouble(pod: "p", container: "c", reason: "Error", exitCode: 1, message: "")
        #expect(Diagnosis.sentence(workload: "c", trouble: trouble, log: log) == "c: Error, exit 1, `\(line)`")
    }

    @Test func `warnings of the cluster, each once, in the order of their times`() throws {
        let events = try [
            #"{"type": "Warning", "reason": "BackOff", "message": "Back-off restarting", "lastTimestamp": "2026-01-01T00:00:02Z", "involvedObject": {"kind": "Pod", "name": "web-1"}}"#,
            #"{"type": "Warning", "reason": "Failed", "message": "no\n image", "lastTimestamp": "2026-01-01T00:00:01Z", "involvedObject": {"kind": "Pod", "name": "web-1"}}"#,
            #"{"type": "Warning", "reason": "BackOff", "message": "Back-off restarting", "lastTimestamp": "2026-01-01T00:00:03Z", "involvedObject": {"kind": "Pod", "name": "web-1"}}"#,
            #"{"type": "Normal", "reason": "Pulled", "message": "x", "involvedObject": {"kind": "Pod", "name": "web-1"}}"#,
            #"{"type": "Warning", "reason": "Failed", "message": "other", "involvedObject": {"kind": "Pod", "name": "db-1"}}"#,
        ].map(parsed)
        #expect(
            Diagnosis.warnings(events, about: ["web-1"]) == [
                "Pod web-1: Failed: no image", "Pod web-1: BackOff: Back-off restarting",
            ]
        )
    }

    @Test(arguments: [
        (
            "ErrImagePull",
            "failed to pull and unpack image \"r/x:1\": failed to resolve reference \"r/x:1\": r/x:1: not found", true
        ),
        ("ErrImagePull", "reading manifest 1 in r/x: manifest unknown", true),
        ("ErrImagePull", "pull access denied, repository does not exist or may require authorization", true),
        ("ErrImagePull", "failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized", true),
        ("ImagePullBackOff", "Back-off pulling image \"r/x:1\": ErrImagePull: r/x:1: not found", true),
        ("InvalidImageName", "couldn't parse image name", true),
        ("ImagePullBackOff", "Back-off pulling image \"r/x:1\"", nil),
        ("ErrImagePull", "dial tcp 10.0.0.1:443: connect: connection refused", false),
        ("ErrImagePull", "dial tcp: lookup r on 10.0.0.2:53: no such host", false),
        (
            "ErrImagePull",
            "unexpected status from HEAD request to https://r/v2/x/manifests/1: 503 Service Unavailable", false
        ),
        ("ErrImagePull", "toomanyrequests: You have reached your pull rate limit", false),
        ("CrashLoopBackOff", "permission denied", nil),
    ])
    func `a registry that refuses an image is told from one that is down`(
        reason: String,
        message: String,
        isRefused: Bool?
    ) {
        #expect(PodTrouble(pod: "p", container: "c", reason: reason, message: message).isRefusedByRegistry == isRefused)
    }
}
