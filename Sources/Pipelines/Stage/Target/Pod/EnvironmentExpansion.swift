/// A container's environment with `$(NAME)` put in, as Kubernetes does it: a reference stands for a variable that was
/// defined before, `$$(NAME)` for the text `$(NAME)`, and what is not defined stays as it is. Values out of ConfigMaps
/// and Secrets are taken as they are.
struct EnvironmentExpansion {
    /// Each name once, in the order of its first place.
    private(set) var variables: [(name: String, value: String)] = []
    private var positions: [String: Int] = [:]

    init(_ environment: [EnvironmentVariable], podName: String) {
        for variable in environment {
            switch variable.value {
            case .written(let text): set(variable.name, expand(text))
            case .resolved(let text): set(variable.name, text)
            case .podName: set(variable.name, podName)
            }
        }
    }

    func expand(_ text: String) -> String {
        let dollar = UInt8(ascii: "$")
        let bytes = Array(text.utf8)
        var result: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index] == dollar, index + 1 < bytes.count else {
                result.append(bytes[index])
                index += 1
                continue
            }
            if bytes[index + 1] == dollar {
                result.append(dollar)
                index += 2
            } else if bytes[index + 1] == UInt8(ascii: "("),
                let end = bytes[(index + 2)...].firstIndex(of: UInt8(ascii: ")")),
                let position = positions[String(decoding: bytes[(index + 2)..<end], as: UTF8.self)]
            {
                result += variables[position].value.utf8
                index = end + 1
            } else {
                result.append(dollar)
                index += 1
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    private mutating func set(_ name: String, _ value: String) {
        if let position = positions[name] {
            variables[position].value = value
        } else {
            positions[name] = variables.count
            variables.append((name, value))
        }
    }
}
