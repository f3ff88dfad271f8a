import Testing
@testable import Git

@Test func imports() {}
