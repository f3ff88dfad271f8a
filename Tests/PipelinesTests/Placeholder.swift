import Testing

@testable import Pipelines

@Test func imports() {}
