import Testing

@testable import Pipelines

@Suite("Containerfile")
struct ContainerfileTests {
    private func read(_ text: String, _ arguments: [String: String] = [:]) -> Containerfile {
        Containerfile(text, arguments: arguments, platform: "linux/amd64")
    }

    @Test(
        "images from elsewhere are found, stages of the file are not images",
        arguments: [
            ("FROM alpine", ["alpine"]),
            ("from alpine:3.20 as base\nFROM base\nFROM BASE", ["alpine:3.20"]),
            ("FROM scratch\nCOPY a b", []),
            (
                "FROM --platform=$BUILDPLATFORM golang:1.23 AS build\nFROM scratch\nCOPY --from=build /a /a",
                ["golang:1.23"]
            ),
            ("FROM a\nFROM b\nCOPY --from=0 /x /x\nCOPY --from=7 /x /x", ["a", "b", "7"]),
            ("FROM a\nCOPY --chown=1:1 --from=docker.io/library/nginx:1 /x /x", ["a", "docker.io/library/nginx:1"]),
            ("FROM a\nRUN --mount=type=bind,from=tools,target=/t --mount=type=cache,target=/c make", ["a", "tools"]),
            ("FROM a\nRUN echo --mount=type=bind,from=no", ["a"]),
            ("FROM a\nONBUILD COPY --from=c /x /x", ["a", "c"]),
            ("\u{FEFF}# syntax=docker/dockerfile:1\nFROM a", ["a"]),
            ("# FROM x\n  # FROM y\nFROM a", ["a"]),
            ("FROM \\\n  # a remark\n\n  a:1 \\\n  AS x\nFROM x", ["a:1"]),
            ("# escape=`\nFROM `\n  a\nRUN dir C:\\\nFROM b", ["a", "b"]),
            ("FROM a\r\nFROM b\r\n", ["a", "b"]),
            ("FROM \"quoted\"", ["quoted"]),
            ("FROM a@sha256:0123", ["a@sha256:0123"]),
        ]
    )
    func references(text: String, expected: [String]) {
        #expect(read(text).references == expected)
    }

    @Test(
        "arguments are filled in as podman does",
        arguments: [
            ("ARG V=3\nFROM a:$V", [:], ["a:3"]),
            ("ARG V=3\nFROM a:${V}-slim", [:], ["a:3-slim"]),
            ("ARG V=3\nFROM a:$V", ["V": "4"], ["a:4"]),
            ("ARG V\nFROM a:${V:-5}", [:], ["a:5"]),
            ("ARG V\nFROM a:${V:-5}", ["V": "6"], ["a:6"]),
            ("ARG V\nFROM a${V:+:tag}", ["V": "6"], ["a:tag"]),
            ("ARG V\nFROM a${V:+:tag}", [:], ["a"]),
            ("ARG A=x B=\"y\"\nARG C=$A-$B\nFROM $C", [:], ["x-y"]),
            ("ARG V=s\nFROM a AS s\nFROM $V", [:], ["a"]),
            ("ARG TARGETARCH\nFROM a-$TARGETARCH", [:], ["a-amd64"]),
            // Not declared, so podman leaves it empty.
            ("FROM a-$TARGETARCH", [:], ["a-$TARGETARCH"]),
            ("FROM ${TARGETOS:-dir:/x}", [:], ["dir:/x"]),
            // podman fills in what was declared before the first FROM.
            ("ARG V=1\nFROM scratch AS s\nARG V=2\nFROM a:$V", [:], ["a:1"]),
            ("FROM scratch\nARG V=2\nFROM a:$V", [:], ["a:$V"]),
            ("FROM a\nARG V=2\nCOPY --from=b:$V /x /x", [:], ["a", "b:$V"]),
            // What would have to be read exactly as podman does stays as it is.
            ("ARG A=\"x B=b\"\nFROM ${B:-a}", [:], ["${B:-a}"]),
            ("ARG A=x\\\\y\nFROM $A", [:], ["$A"]),
            ("ARG A='$B'\nFROM $A", [:], ["$A"]),
            ("ARG 1a=b\nFROM $1a", [:], ["$1a"]),
            ("ARG TARGETPLATFORM=x\nARG TARGETOS\nFROM $TARGETOS", [:], ["$TARGETOS"]),
            ("FROM a:$UNKNOWN", ["UNKNOWN": "not declared"], ["a:$UNKNOWN"]),
        ] as [(String, [String: String], [String])]
    )
    func arguments(text: String, given: [String: String], expected: [String]) {
        #expect(read(text, given).references == expected)
    }

    @Test("a here-document is read both ways, so that neither podman can be deceived")
    func hereDocuments() {
        let text = """
            FROM a
            RUN <<EOF
            COPY --from=hidden /x /x
            ADD http://example.org/x /x
            EOF
            COPY --from=shown /x /x
            """
        #expect(read(text).references == ["a", "shown", "hidden"])
        #expect(read(text).remoteSources == ["http://example.org/x"])
        // The end mark decides for one reading; the other sees an instruction that begins in it.
        let deceit = "FROM a\nRUN cat <<X \\\nX\nADD http://example.org/x /x\n"
        #expect(read(deceit).remoteSources == ["http://example.org/x"])
    }

    @Test(
        "ADD of what podman would fetch is seen, however it is written",
        arguments: [
            ("ADD http://example.org/x /x", true), ("ADD https://example.org/x /x", true),
            ("add HTTPS://example.org/x /x", true), ("ADD --chown=1:1 http://example.org/x /x", true),
            ("ADD [\"http://example.org/a b\", \"/x\"]", true), ("ADD file http://example.org/x /x", true),
            ("ADD \"http\"://example.org/x /x", true), ("ADD ht\\tp://example.org/x /x", true),
            ("ADD $URL /x", true), ("ADD ${S}://example.org /x", true), ("ADD ht${REST} /x", true),
            ("ADD \\\n  http://example.org/x /x", true), ("ONBUILD ADD http://example.org/x /x", true),
            ("ADD git@example.org:x.git /x", true),
            ("ADD file /x", false), ("ADD app-$VERSION.tar.gz /x", false), ("ADD x /http://", false),
            ("COPY http://example.org/x /x", false), ("RUN wget http://example.org/x", false),
        ]
    )
    func remoteSources(instruction: String, expected: Bool) {
        #expect(!read("FROM a\n\(instruction)").remoteSources.isEmpty == expected)
    }

    /// To podman all of these go on after the first line, or do not, by their bytes.
    @Test(
        "signs that Swift takes for a part of their neighbours, and podman does not, hide nothing",
        arguments: [
            "RUN true \\\u{A0}\nADD http://example.org/x /x", "# remark \\\nADD http://example.org/x /x",
            "#\u{301} remark \\\nADD http://example.org/x /x", "\u{A0}# remark \\\nADD http://example.org/x /x",
            "\u{2003}ADD http://example.org/x /x", "ADD http:/\u{2F}\u{301}/x /x",
            "RUN a \\\\\nADD http://example.org/x /x",
            "ADD [\"http:\\u002f\\u002fexample.org/x\", \"/x\"]", "ADD \u{A0}[\"http://example.org/x\", \"/x\"]",
            "ONBUILD \u{A0}ADD http://example.org/x /x",
        ]
    )
    func hidden(instruction: String) {
        #expect(read("FROM a\n\(instruction)").remoteSources.count == 1)
    }

    @Test("the escape directive counts or not by its place: both are read")
    func escapes() {
        let text = "# syntax=x\n# escape=`\nFROM a\nLABEL x=`\nADD http://example.org/x /x\n"
        #expect(read(text).remoteSources == ["http://example.org/x"])
        #expect(read("# escape=`\nFROM a\nRUN x \\\nADD http://example.org/x /x\n").remoteSources.count == 1)
    }

    @Test(
        "options are read without their quotes, and refused where variables are in their names",
        arguments: [
            ("COPY --from=b /x /x", ["b"], []), ("COPY --fr\"om\"=b /x /x", ["b"], []),
            ("COPY --chown=\"1 1\" --from=b /x /x", ["b"], []), ("COPY --fr\\om=b /x /x", ["b"], []),
            ("RUN --mo'unt=type=bind,from=b,target=/b' make", ["b"], []),
            ("COPY --chown=$USER x /x", [], []), ("COPY --$X x /x", [], ["--$X"]), ("RUN --$X make", [], ["--$X"]),
            ("RUN --mount=type=tmpfs,target=/\u{E0}--mount=x make", [], ["--mount=type=tmpfs,target=/\u{FFFD}"]),
            ("RUN --network=host make", [], ["--network=host"]), ("RUN --network=none make", [], []),
            ("RUN --security=insecure make", [], ["--security=insecure"]), ("RUN -- make --$X", [], []),
        ] as [(String, [String], [String])]
    )
    func options(instruction: String, images: [String], refused: [String]) {
        let file = read("FROM a\n\(instruction)")
        #expect(file.references == ["a"] + images)
        #expect(file.refusedOptions == refused)
    }

    @Test("a stage is one only under a plain name")
    func stageNames() {
        #expect(read("FROM a AS DIR:/x\nCOPY --from=dir:/x /x /x").references == ["a", "dir:/x"])
    }

    @Test(
        "what is no registry's image, or near this machine, is refused",
        arguments: [
            ("docker-archive:/etc/x", false), ("dock\"er-archive\":/etc/x$E", false), ("a:$V", false), ("dir:x", false),
            ("oci:/x:y", false), ("DIR:x", false),
            ("containers-storage:x", false), ("/etc/x", false), ("-x", false), ("https://example.org/x", false),
            ("10.0.0.1:5000/x", false), ("127.0.0.1:5000/x", false), ("169.254.169.254/x", false),
            ("localhost:5000/x", false), ("[::1]:5000/x", false), ("192.168.0.1/x", false),
            ("127.0.0.1:5001/x", true), ("localhost/x", true), ("alpine", true), ("alpine:3.20", true),
            ("docker.io/library/alpine@sha256:00", true), ("docker://quay.io/x/y", true),
            ("registry.corp:5000/x", true),
            ("8.8.8.8/x", true), ("127.0.0.1:5002/web/x:1", true), ("127.0.0.1:5002/web-two/x:1", false),
            ("127.0.0.1:5002/other/x:1", false), ("3f2a", false), ("sha256:3f2a", false), ("3F", false),
            ("127.1:5000/x", false), ("0:5000/x", false), ("0x7f000001:5000/x", false),
            ("LocalHost:5000/x", false), ("localhost.:5000/x", false), ("a.localhost/x", false),
            ("dir:\u{301}/x", false),
            ("cafe:1", true), ("docker.io/library/cafe", true),
        ]
    )
    func baseImages(reference: String, allowed: Bool) {
        let image = try? BaseImage(reference, image: "web", registries: ["127.0.0.1:5001", "127.0.0.1:5002/web"])
        #expect((image != nil) == allowed)
    }
}
