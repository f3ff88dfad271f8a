import Pipelines
import Testing

@Suite("Globs") struct GlobTests {
    @Test(arguments: [
        ("main.swift", "main.swift"), ("*.swift", "main.swift"), ("*", "README"), ("*", ""), ("**", ""),
        ("**", "a/b/c"),
        ("backend/**", "backend/a"), ("backend/**", "backend/a/b.swift"), ("backend/*", "backend/a"),
        ("**/Makefile", "Makefile"), ("**/Makefile", "a/b/Makefile"), ("a/**/b", "a/b"), ("a/**/b", "a/x/y/b"),
        ("a/**/**/b", "a/b"), ("**.js", "a/b/c.js"), ("a**b", "a/x/b"), ("a?c", "abc"), ("v*", "v1.10"),
        ("v?.*", "v1.0"),
        ("**/*.md", "x.md"), ("**/*.md", "docs/x.md"), ("*/b", "a/b"), ("ü?", "üé"), ("[a]", "[a]"), ("a.c", "a.c"),
        ("***", "a/b"), ("release/*/done", "release/1/done"), ("**/", "a/"),
        ("deploy/**/k8s/*.yaml", "deploy/todo/k8s/a.yaml"),
    ]) func match(pattern: String, path: String) {
        #expect(globMatches(pattern, path))
    }

    @Test(arguments: [
        ("main.swift", "main.swifty"), ("*.swift", "a/main.swift"), ("*", "a/b"), ("?", "/"), ("?", ""), ("", "a"),
        ("backend/**", "backend"), ("backend/**", "backends/a"), ("backend/*", "backend/a/b"), ("backend", "backend/a"),
        ("**/Makefile", "aMakefile"), ("a/**/b", "ab"), ("a/**/b", "a/xb"), ("a?c", "a/c"), ("v*", "release-v1"),
        ("a.c", "abc"),
        ("[a]", "a"), ("Makefile", "makefile"), ("*.md", "x.md/y"), ("a/**/b", "a/b/c"),
    ]) func noMatch(pattern: String, path: String) {
        #expect(!globMatches(pattern, path))
    }

    @Test func manyWildcardsDoNotBlowUp() {
        let pattern = String(repeating: "*a", count: 200) + "b"
        let path = String(repeating: "a", count: 4000)
        // Tried one way after the other, it would not end in a lifetime.
        #expect(!globMatches(pattern, path))
        #expect(globMatches(String(repeating: "**/", count: 100) + "x", "x"))
    }
}
