import Testing
@testable import GitHub

@Test func imports() {}
