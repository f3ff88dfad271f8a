import Testing

@testable import HTTPClient

@Suite struct CertificateExpiryTests {
    @Test(
        arguments: [
            ("Jan  1 00:00:00 1970 GMT", 0), ("Feb 29 12:34:56 2028 GMT", 1_835_440_496),
            ("Mar  1 00:00:00 2100 GMT", 4_107_542_400), ("Nov 24 06:19:28 2027 GMT", 1_827_037_168),
            ("Dec 31 23:59:59 9999 GMT", 253_402_300_799),
        ] as [(String, Int64)]
    ) func aTimeAsOpenSSLPrintsIt(text: String, expected: Int64) {
        #expect(secondsSince1970(text) == expected)
    }

    @Test(arguments: [
        "", "Nov 24 06:19:28 2027", "Nov 24 06:19 2027 GMT", "Nix 24 06:19:28 2027 GMT", "Bad time value",
    ])
    func noTime(text: String) {
        #expect(secondsSince1970(text) == nil)
    }
}
