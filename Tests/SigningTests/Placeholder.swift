import Testing
@testable import Signing

@Test func imports() {}
