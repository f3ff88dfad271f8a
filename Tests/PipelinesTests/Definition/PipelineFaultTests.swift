import Pipelines
import Testing

/// A file, where a fault must be found in it, and words that its message must have.
struct BadPipeline: Sendable, CustomTestStringConvertible {
    var text: String
    var place: String
    var words: [String]

    init(_ text: String, _ place: String, _ words: String...) {
        self.text = text
        self.place = place
        self.words = words
    }

    var testDescription: String { "\(place) \(words.joined(separator: " "))" }
}

@Suite("What is wrong with a pipeline") struct PipelineFaultTests {
    private static func chart(_ text: String, _ place: String, _ words: String...) -> BadPipeline {
        let from = "podman: {}\n  manifests: [deploy/k8s]"
        var bad = BadPipeline(Sample.pipeline(from, "inCluster: true\n  helm: { chart: \(text) }"), place)
        bad.words = words
        return bad
    }

    static let keys: [BadPipeline] = [
        BadPipeline(Sample.pipeline("branch:", "brunch:"), "4:3", "source", "brunch", "did you mean 'branch'"),
        BadPipeline(Sample.pipeline(adding: "smoketest: []"), "10:1", "unknown key", "did you mean 'smokeTest'"),
        BadPipeline(Sample.pipeline(adding: "colour: red"), "10:1", "unknown key 'colour'", "known here: name"),
        BadPipeline(
            Sample.pipeline("podman: {}", "podman: { socket: x }"),
            "8:13",
            "deploy.podman",
            "socket",
            "write {}"
        ),
        BadPipeline(Sample.pipeline("name: todo\n", ""), "1:1", "needs the key 'name'"),
        BadPipeline(Sample.pipeline("  branch: main\n", ""), "3:3", "source", "'branch', 'tags'"),
        BadPipeline(Sample.pipeline("branch: main", "branch: main\n  tags: v*"), "5:3", "only one", "'tags'"),
        BadPipeline(Sample.pipeline("  github: acme/todo\n", ""), "3:3", "source", "'github', 'git'"),
        BadPipeline(Sample.pipeline("  podman: {}\n", ""), "8:3", "deploy", "'podman', 'digitalocean'"),
        BadPipeline(Sample.pipeline("podman: {}", "podman:"), "8:10", "deploy.podman", "{}", "empty"),
        BadPipeline(Sample.pipeline("podman: {}", "podman: {}\n  inCluster: true"), "9:3", "only one", "'kubeconfig'"),
        BadPipeline(Sample.pipeline("podman: {}", "digitalocean: { }"), "8:17", "deploy.digitalocean", "'cluster'"),
        BadPipeline(Sample.pipeline("podman: {}", "kubeconfig: { context: x }"), "8:15", "'file'"),
        BadPipeline(Sample.pipeline("manifests: [deploy/k8s]", "kustomize: x"), "9:3", "podman", "manifests: [FOLDER]"),
        BadPipeline(
            Sample.pipeline("manifests: [deploy/k8s]", "helm: { chart: c }"),
            "9:3",
            "podman",
            "manifests: [FOLDER]"
        ),
        BadPipeline(Sample.pipeline("{}\n", "{}\n  force: true\n"), "9:3", "'force' beside 'podman'", "a cluster"),
        BadPipeline(Sample.pipeline("{}\n", "{}\n  prune: false\n"), "9:3", "'prune' beside 'podman'"),
        BadPipeline(Sample.pipeline("{}\n", "{}\n  imagePaths: []\n"), "9:3", "'imagePaths' beside 'podman'"),
        BadPipeline(
            Sample.pipeline("podman: {}\n  manifests: [deploy/k8s]", "inCluster: true"),
            "8:3",
            "'manifests', 'kustomize', 'helm'"
        ),
        BadPipeline(
            Sample.pipeline("podman: {}", "inCluster: true\n  kustomize: x"),
            "10:3",
            "only one of the keys 'manifests', 'kustomize', 'helm'"
        ),
        BadPipeline(
            Sample.pipeline("podman: {}", "inCluster: true\n  imagePaths: [{ kind: X }]"),
            "9:16",
            "imagePaths[0]",
            "'path'"
        ),
        BadPipeline(
            Sample.pipeline(adding: "registry: { address: h, retention: { keep: 3 } }"),
            "10:25",
            "needs the key 'digitalocean' too"
        ),
        BadPipeline(Sample.pipeline(adding: "registry: { digitalocean: a, retention: {} }"), "10:41", "'keep'"),
        BadPipeline(Sample.pipeline(adding: "registry: {}"), "10:11", "'embedded', 'address', 'digitalocean'"),
        BadPipeline(
            Sample.pipeline(adding: "secrets: { KEY: { env: A, file: b } }"),
            "10:27",
            "secrets.KEY",
            "keep one"
        ),
        BadPipeline(Sample.pipeline("branch: main", "<<: { branch: main }\n  branch: main"), "4:3", "merge keys"),
        BadPipeline(
            Sample.pipeline("branch: main", "branch: main\n  github: acme/other"),
            "5:3",
            "'github' is there twice",
            "line 3"
        ),
        BadPipeline(Sample.pipeline(adding: "name: other"), "10:1", "'name' is there twice", "line 1"),
        BadPipeline(
            Sample.pipeline(adding: "secrets: { A: {env: A}, 'A': {env: B} }"),
            "10:25",
            "'A' is there twice",
            "line 10"
        ),
    ]

    static let types: [BadPipeline] = [
        BadPipeline(Sample.pipeline("name: todo", "name: [todo]"), "1:7", "name must be a name", "a list"),
        BadPipeline(Sample.pipeline("name: todo", "name: 42"), "1:7", "the number 42", "quotes, \"42\""),
        BadPipeline(Sample.pipeline("name: todo", "name:"), "1:6", "name must be", "empty"),
        BadPipeline(Sample.pipeline("branch: main", "branch: no"), "4:11", "true or false (no)", "\"no\""),
        BadPipeline(Sample.pipeline("branch: main", "branch: 1.10"), "4:11", "the number 1.10", "\"1.10\""),
        BadPipeline(
            Sample.pipeline("{ context: backend }", "{ args: { VERSION: 1.10 } }"),
            "6:31",
            "images.backend.args.VERSION",
            "\"1.10\""
        ),
        BadPipeline(Sample.pipeline("{ context: backend }", "{ args: { DEBUG: on } }"), "6:29", "\"on\""),
        BadPipeline(Sample.pipeline("{ context: backend }", "{ args: { MODE: 0755 } }"), "6:28", "\"0755\""),
        BadPipeline(
            Sample.pipeline("{ context: backend }", "backend"),
            "6:12",
            "images.backend must be a mapping with context",
            "is text"
        ),
        BadPipeline(Sample.pipeline("[deploy/k8s]", "deploy/k8s"), "9:14", "must be a list: write [deploy/k8s]"),
        BadPipeline(Sample.pipeline("[deploy/k8s]", "[]"), "9:14", "is empty: at least 1"),
        BadPipeline(Sample.pipeline("[deploy/k8s]", "[a, 7]"), "9:18", "deploy.manifests[1]", "\"7\""),
        BadPipeline(Sample.pipeline("{}", "{}\n  timeout: 300"), "9:12", "add the unit", "300s"),
        BadPipeline(Sample.pipeline("{}", "{}\n  timeout: 5 minutes"), "9:12", "a duration such as"),
        BadPipeline(Sample.pipeline("{}", "{}\n  timeout: 0s"), "9:12", "above 0"),
        BadPipeline(Sample.pipeline("{}", "{}\n  timeout: 25h"), "9:12", "at most 24h"),
        BadPipeline(Sample.pipeline("{}", "{}\n  onFailure: undoo"), "9:14", "undo, keep", "did you mean undo"),
        BadPipeline(Sample.pipeline(adding: "onPush: newest"), "10:9", "one of latest, queue, cancel"),
        BadPipeline(Sample.pipeline(adding: "smokeTest: { get: x }"), "10:12", "smokeTest must be a list"),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', expect: { status: 99 } }]"),
            "10:52",
            "from 100 to 599"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', expect: { status: '200' } }]"),
            "10:52",
            "whole number"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', expect: { json: { a: { b: 1 } } } }]"),
            "10:55",
            "json.a",
            "a mapping"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', expect: { json: { a: yes } } }]"),
            "10:55",
            "write true or false"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', expect: { json: { a: .inf } } }]"),
            "10:55",
            "a number"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', expect: { json: { a..b: 1 } } }]"),
            "10:52",
            "a..b"
        ),
        BadPipeline(Sample.pipeline("podman: {}", "inCluster: false"), "8:14", "must be true", "leave the key out"),
        BadPipeline(Sample.pipeline("podman: {}", "inCluster: {}"), "8:14", "must be true", "a mapping"),
        BadPipeline(Sample.pipeline("podman: {}", "kubeconfig: [x]"), "8:15", "a path on this server", "a list"),
        BadPipeline(Sample.pipeline("podman: {}", "inCluster: true\n  force: maybe"), "9:10", "true or false"),
        BadPipeline(Sample.pipeline(adding: "hold: forever"), "10:7", "one of untilResumed, untilNextPush"),
        BadPipeline(
            Sample.pipeline(adding: "registry: { digitalocean: a, retention: { keep: 0 } }"),
            "10:49",
            "from 1 to 1000"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', tls: { validFor: 14 } }]"),
            "10:51",
            "14d"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', tls: { validFor: 336h } }]"),
            "10:51",
            "a number of days"
        ),
        BadPipeline("[a, b]", "1:1", "the file must be a mapping", "a list"),
        BadPipeline("todo", "1:1", "the file must be a mapping", "is text"),
    ]

    static let texts: [BadPipeline] = [
        BadPipeline(Sample.pipeline("name: todo", "name: To_do"), "1:7", "lower-case"),
        BadPipeline(Sample.pipeline("name: todo", "name: -todo"), "1:7", "begin and end"),
        BadPipeline(Sample.pipeline("name: todo", "name: ''"), "1:7", "it is empty"),
        BadPipeline(Sample.pipeline("name: todo", "name: " + String(repeating: "a", count: 41)), "1:7", "more than 40"),
        BadPipeline(Sample.pipeline("name: todo", "name: \"to\\0do\""), "1:7", "to\\u{0}do"),
        BadPipeline(Sample.pipeline("  backend:", "  Back End:"), "6:3", "images", "'Back End'", "lower-case"),
        BadPipeline(Sample.pipeline("acme/todo", "todo"), "3:11", "owner/name"),
        BadPipeline(Sample.pipeline("acme/todo", "acme/todo.git"), "3:11", "leave out .git"),
        BadPipeline(Sample.pipeline("acme/todo", "https://github.com/acme/todo"), "3:11", "the key 'git'"),
        BadPipeline(Sample.pipeline("github: acme/todo", "git: ftp://host/path"), "3:8", "https://"),
        BadPipeline(Sample.pipeline("github: acme/todo", "git: file://host/path"), "3:8", "file:///"),
        BadPipeline(
            Sample.pipeline("github: acme/todo", "git: https://user:token@host/path"),
            "3:8",
            "git.credentials"
        ),
        BadPipeline(
            Sample.pipeline("github: acme/todo", "git: https://host/path.git?token=x"),
            "3:8",
            "'https://host/path.git?…'",
            "git.credentials"
        ),
        BadPipeline(Sample.pipeline("github: acme/todo", "git: ssh://git@host/path?x"), "3:8", "no query"),
        BadPipeline(Sample.pipeline("github: acme/todo", "git: ssh://-oProxyCommand=x/path"), "3:8", "host"),
        BadPipeline(Sample.pipeline("github: acme/todo", "git: \"http://\\u0301host/x\""), "3:8", "a host"),
        BadPipeline(Sample.pipeline("github: acme/todo", "git: \"http://host?x\""), "3:8", "path"),
        BadPipeline(Sample.pipeline("github: acme/todo", "git: git@-host:path"), "3:8", "git@host:path"),
        BadPipeline(Sample.pipeline("branch: main", "branch: refs/heads/main"), "4:11", "without refs/heads/"),
        BadPipeline(Sample.pipeline("branch: main", "branch: -main"), "4:11", "begin with -"),
        BadPipeline(Sample.pipeline("branch: main", "branch: a..b"), "4:11", ".."),
        BadPipeline(
            Sample.pipeline("branch: main", "branch: main\n  paths: [/backend]"),
            "5:11",
            "leave out the first /"
        ),
        BadPipeline(Sample.pipeline("branch: main", "branch: main\n  paths: ['!backend']"), "5:11", "exclude"),
        BadPipeline(Sample.pipeline("branch: main", "branch: main\n  paths: [backend/]"), "5:11", "add **"),
        BadPipeline(Sample.pipeline("context: backend", "context: /etc"), "6:23", "relative"),
        BadPipeline(Sample.pipeline("context: backend", "context: a/../../b"), "6:23", "may not leave"),
        BadPipeline(Sample.pipeline("context: backend", "context: \"..\\/\\u0301x\""), "6:23", "may not leave"),
        BadPipeline(Sample.pipeline("context: backend", "context: \"/\\u0301x\""), "6:23", "relative"),
        BadPipeline(Sample.pipeline("context: backend", "context: \"a\\0b\""), "6:23", "control characters"),
        BadPipeline(Sample.pipeline("context: backend", "target: --privileged"), "6:22", "first"),
        BadPipeline(Sample.pipeline("context: backend", "args: { A-B: c }"), "6:22", "images.backend.args", "'A-B'"),
        BadPipeline(Sample.pipeline(adding: "registry: { address: https://host }"), "10:22", "leave out http"),
        BadPipeline(Sample.pipeline(adding: "registry: { address: 'host:99999' }"), "10:22", "host:port"),
        BadPipeline(Sample.pipeline(adding: "registry: { digitalocean: Acme }"), "10:27", "lower-case"),
        BadPipeline(
            Sample.pipeline(adding: "registry: { digitalocean: registry.digitalocean.com/acme }"),
            "10:27",
            "the name alone"
        ),
        BadPipeline(Sample.pipeline("podman: {}", "digitalocean: { cluster: a/b }"), "8:28", "a cluster's name or id"),
        BadPipeline(
            Sample.pipeline("podman: {}\n  manifests: [deploy/k8s]", "inCluster: true\n  helm: { chart: ../c }"),
            "9:18",
            "may not leave"
        ),
        chart("oci://x.y/c", "9:18", "only https:// addresses"),
        chart("http://x.y/c.tgz", "9:18", "only https:// addresses"),
        chart("https://me:secret@x.y/c.tgz", "9:18", "no user"),
        chart("https://x.y/c", "9:18", "NAME.tgz"),
        chart("https://x.y/c.tgz?v=1", "9:18", "# or ?"),
        chart("https://x.y/c.tgz, sha256: A0", "9:45", "hexadecimal"),
        BadPipeline(
            Sample.pipeline("podman: {}\n  manifests: [deploy/k8s]", "inCluster: true\n  kustomize: /etc"),
            "9:14",
            "relative"
        ),
        BadPipeline(
            Sample.pipeline(
                "podman: {}\n  manifests: [deploy/k8s]",
                "inCluster: true\n  helm: { chart: c, set: { 'a,b': 1 } }"
            ),
            "9:28",
            "'a,b'"
        ),
        BadPipeline(
            Sample.pipeline("podman: {}", "inCluster: true\n  imagePaths: [{ kind: rollout, path: a }]"),
            "9:24",
            "capital"
        ),
        BadPipeline(
            Sample.pipeline("podman: {}", "inCluster: true\n  imagePaths: [{ kind: R, path: 'a[0]' }]"),
            "9:33",
            "a field's name"
        ),
        BadPipeline(Sample.pipeline(adding: "secrets: { url: { env: A } }"), "10:12", "'url'", "A-Z"),
        BadPipeline(Sample.pipeline(adding: "secrets: { URL: { env: A=B } }"), "10:24", "secrets.URL.env", "'A=B'"),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: backend/health }]"),
            "10:20",
            "service://name:port/path"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'service://backend/health' }]"),
            "10:20",
            "port is missing"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'service://backend:80' }]"),
            "10:20",
            "path is missing"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://u:p@host/' }]"),
            "10:20",
            "no user or password"
        ),
        BadPipeline(Sample.pipeline(adding: "smokeTest: [{ get: 'file:///etc/passwd' }]"), "10:20", "service://"),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', headers: { 'A b': c } }]"),
            "10:45",
            "'A b'"
        ),
        BadPipeline(
            Sample.pipeline(adding: "smokeTest: [{ get: 'https://x/', headers: { A: \"b\\r\\nC: d\" } }]"),
            "10:48",
            "line breaks"
        ),
    ]

    @Test(arguments: keys + types + texts) func isNamedWithItsPlace(bad: BadPipeline) {
        let faults = pipelineFaults(bad.text)
        #expect(faults.count == 1, "\(faults)")
        guard let fault = faults.first else { return }
        #expect("\(fault.line):\(fault.column)" == bad.place, "\(fault)")
        for word in bad.words { #expect(fault.message.contains(word), "\(fault)") }
    }

    /// Neither of an address that is one, nor of one that is mistyped.
    @Test(arguments: [
        "https://user:pw0rd@host/x.git", "https://pw0rd@host/x.git", "https://user:a/pw0rd@host/x",
        "user:pw0rd@host/x.git", "https://us@er:pw0rd@host/x.git", "ssh://user:pw0rd@host/x.git",
        "https://host/x.git?token=pw0rd",
        "https://user:pw0rd@host/x.git?token=pw0rd", "ftp://user:pw0rd@host/x", "user:pw0rd@host:x",
    ]) func noPasswordIsQuoted(url: String) {
        let faults = pipelineFaults(Sample.pipeline("github: acme/todo", "git: \"\(url)\""))
        #expect(faults.count == 1)
        #expect(faults.allSatisfy { $0.message.contains("…") && !$0.message.contains("pw0rd") }, "\(faults)")
    }

    @Test(arguments: ["a@b", "git@-host:path", "ssh://git@-host/x", "host:5000/a@sha256:0", "what?", "https://host"])
    func whatHoldsNoPasswordIsQuotedWhole(text: String) {
        let faults = pipelineFaults(Sample.pipeline("github: acme/todo", "git: \"\(text)\""))
        #expect(faults.count == 1 && faults.allSatisfy { $0.message.contains("'\(text)'") }, "\(faults)")
    }

    @Test func onlyAPublishedChartHasADigest() {
        let digest = String(repeating: "a0", count: 32)
        let bad = Self.chart("deploy/chart, sha256: \(digest)", "9:41")
        let faults = pipelineFaults(bad.text)
        #expect(faults.count == 1 && faults.first?.message.contains("fixed by its revision") == true, "\(faults)")
    }

    @Test func allAreReportedTogether() {
        let text = """
            name: Todo
            source: { github: acme, branch: 7 }
            images: {}
            deploy:
              podman: {}
              podman: {}
              manifests: nothing
              timeout: soon
            colour: red
            name: again
            """
        let lines = pipelineFaults(text).map(\.line)
        #expect(lines == [1, 2, 2, 3, 6, 7, 8, 9, 10])
    }

    @Test func aKeyThatIsThereThreeTimesIsNamedTwice() {
        let faults = pipelineFaults(Sample.pipeline(adding: "onPush: queue\nonPush: latest\n\"onPush\" : cancel"))
        #expect(faults.count == 2)
        #expect(faults.allSatisfy { $0.message.contains("'onPush' is there") && $0.line >= 10 })
    }

    @Test func theReportEnds() {
        let text = (0..<2000).map { "key\($0): 1\n" }.joined()
        let faults = pipelineFaults(text)
        #expect(faults.count == 101)
        #expect(faults.contains { $0.message.contains("more than 100 faults") })
    }

    @Test func describesItselfAsEditorsLinkIt() {
        let fault = Fault(file: "pipelines/todo.yaml", line: 4, column: 3, message: "no")
        #expect(fault.description == "pipelines/todo.yaml:4:3: no")
    }
}
