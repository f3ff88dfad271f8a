import Testing

@testable import Signing

@Suite struct BcryptTests {
    @Test(arguments: ["a", "correct horse battery staple", "pässwörd", String(repeating: "x", count: 72)])
    func hashVerifies(password: String) throws {
        let stored = try bcrypt(password: password, cost: 5)
        #expect(stored.hasPrefix("$2b$05$"))
        #expect(stored.utf8.count == 60)
        #expect(try hash(password, setting: stored.utf8CString.map { $0 }) == stored)
        #expect(try hash("y" + password.dropFirst(), setting: stored.utf8CString.map { $0 }) != stored)
    }

    @Test func saltsDiffer() throws {
        #expect(try bcrypt(password: "same", cost: 4) != bcrypt(password: "same", cost: 4))
    }

    @Test(arguments: [("", 5), ("nul\0inside", 5), (String(repeating: "x", count: 73), 5), ("fine", 3), ("fine", 32)])
    func refuses(password: String, cost: Int) {
        #expect {
            _ = try bcrypt(password: password, cost: cost)
        } throws: { error in
            (error as? SigningError)?.code == .badPassword
        }
    }
}
