import Testing
@testable import HTTPClient

@Test func imports() {}
