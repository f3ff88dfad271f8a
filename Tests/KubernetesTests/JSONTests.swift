import Testing

@testable import Kubernetes

@Suite struct JSONTests {
    @Test func `A value survives the way there and back`() throws {
        let text = #"{"a":[1,2.5,-9007199254740993,true,null,"ü\n/"],"b":{}}"#
        #expect(try JSON(parsing: Array(text.utf8)).bytes == Array(text.utf8))
    }

    @Test func `Paths are set, made and removed`() {
        var value: JSON = ["metadata": ["name": "web"]]
        value.set(["metadata", "labels", "app"], "web")
        #expect(value[["metadata", "labels", "app"]]?.string == "web")
        value.set(["metadata", "labels"], nil)
        #expect(value == ["metadata": ["name": "web"]])
    }
}
