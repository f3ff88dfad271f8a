/// Kubernetes' notation for amounts: `64Mi`, `500m`, `1e9` (API reference, Quantity).
struct Quantity {
    /// In thousandths of the unit, rounded up.
    let thousandths: Int

    init?(_ text: String) {
        let digits = text.utf8.prefix { $0.isDigit || $0 == UInt8(ascii: ".") }
        let number = String(decoding: digits, as: UTF8.self)
        guard !number.isEmpty, number.utf8.count <= 18, number.utf8.filter({ $0 == UInt8(ascii: ".") }).count <= 1,
            let amount = Double(number),
            let factor = Self.factor(String(decoding: text.utf8.dropFirst(digits.count), as: UTF8.self))
        else { return nil }
        let product = (amount * factor * 1000).rounded(.up)
        guard product < 9e18 else { return nil }
        thousandths = Int(product)
    }

    var whole: Int { (thousandths + 999) / 1000 }

    private static func factor(_ suffix: String) -> Double? {
        switch suffix {
        case "": return 1
        case "m": return 0.001
        case "k": return 1e3
        case "M": return 1e6
        case "G": return 1e9
        case "T": return 1e12
        case "Ki": return 1024
        case "Mi": return 1_048_576
        case "Gi": return 1_073_741_824
        case "Ti": return 1_099_511_627_776
        default:
            guard suffix.utf8.first == UInt8(ascii: "e") || suffix.utf8.first == UInt8(ascii: "E"),
                let exponent = Int(suffix.dropFirst()), (-3...15).contains(exponent)
            else { return nil }
            return Self.power(exponent)
        }
    }

    private static func power(_ exponent: Int) -> Double {
        (0..<abs(exponent)).reduce(1.0) { power, _ in exponent < 0 ? power / 10 : power * 10 }
    }
}
