import Foundation

/// An independent judge of JSON Schemas: Python's `jsonschema`, from the system or from an environment under `.build`.
struct SchemaValidator: Sendable {
    let python: String

    /// Nil if there is none on this machine and none can be fetched.
    static let shared: SchemaValidator? = {
        let check = ["-c", "import jsonschema; jsonschema.Draft202012Validator"]
        let folder = packageRoot.appending(path: ".build/jsonschema").path
        let own = folder + "/bin/python3"
        for python in ["/usr/bin/python3", own] where run(python, check) == 0 { return SchemaValidator(python: python) }
        guard run("/usr/bin/python3", ["-m", "venv", folder]) == 0,
            run(own, ["-m", "pip", "install", "--quiet", "--timeout", "20", "--retries", "0", "jsonschema"]) == 0,
            run(own, check) == 0
        else { return nil }
        return SchemaValidator(python: own)
    }()

    /// Whether each of the documents is valid; throws if the schema itself is not.
    func verdicts(schema: String, documents: [String]) throws -> [Bool] {
        let program = """
            import json, sys, jsonschema
            schema = json.load(open(sys.argv[1]))
            jsonschema.Draft202012Validator.check_schema(schema)
            judge = jsonschema.Draft202012Validator(schema)
            documents = json.load(open(sys.argv[2]))
            json.dump([judge.is_valid(json.loads(each)) for each in documents], open(sys.argv[3], "w"))
            """
        return try withTemporaryFolder { folder in
            try write(schema, to: folder + "/schema.json")
            try JSONEncoder().encode(documents).write(to: URL(filePath: folder + "/documents.json"))
            let files = ["schema", "documents", "verdicts"].map { "\(folder)/\($0).json" }
            guard Self.run(python, ["-c", program] + files, quiet: false) == 0 else { throw ValidatorError() }
            return try JSONDecoder().decode([Bool].self, from: Data(contentsOf: URL(filePath: files[2])))
        }
    }

    struct ValidatorError: Error {}

    private static func run(_ program: String, _ arguments: [String], quiet: Bool = true) -> Int32? {
        let process = Process()
        process.executableURL = URL(filePath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        if quiet { process.standardError = FileHandle.nullDevice }
        do { try process.run() } catch { return nil }
        process.waitUntilExit()
        return process.terminationStatus
    }
}
