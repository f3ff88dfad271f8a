/// Reads every pipeline of the server's folder: `*.yaml` and `*.yml`, in order of name, without hidden files and inner
/// folders.
///
/// - Returns: The definitions by the pipeline's name.
/// - Throws: `DefinitionFaults` with everything that is wrong in any file, between them, and between them and the
///   server's settings: two pipelines of one name, an environment with two targets or namespaces, two environments with
///   one target and namespace, images for a registry that the server does not run.
public func readPipelines(_ settings: ServerSettings) throws -> [String: Definition] {
    let folder = settings.pipelines
    var faults: [Fault] = []
    var files: [PipelineFile] = []
    do throws(ReadingError) {
        for name in try listFolder(folder) where isPipelineFile(name) {
            let path = folder.ends(with: "/") ? folder + name : folder + "/" + name
            do throws(ReadingError) {
                files.append(PipelineFile(file: path, contents: try readFile(path, atMost: DocumentLimit.bytes)))
            } catch .isFolder {
                continue
            } catch {
                faults.append(Fault(file: path, line: 1, column: 1, message: error.message))
            }
        }
    } catch {
        faults.append(Fault(file: folder, line: 1, column: 1, message: error.message))
    }
    faults += files.flatMap(\.faults) + nameFaults(files) + environmentFaults(files)
    if !settings.registry.embedded { faults += registryFaults(files) }
    guard faults.isEmpty else { throw DefinitionFaults(faults: faults) }
    let definitions = files.compactMap(\.definition)
    return Dictionary(definitions.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
}

private func isPipelineFile(_ name: String) -> Bool {
    !name.begins(with: ".") && (name.ends(with: ".yaml") || name.ends(with: ".yml"))
}

private func nameFaults(_ files: [PipelineFile]) -> [Fault] {
    var first: [String: String] = [:]
    return files.compactMap { file in
        guard let name = file.name else { return nil }
        guard let other = first[name.text] else {
            first[name.text] = "\(file.file):\(name.place.line)"
            return nil
        }
        let message = "the name \(quoted(name.text)) belongs to the pipeline in \(other) already: choose another"
        return Fault(file: file.file, line: name.place.line, column: name.place.column, message: message)
    }
}

/// Of a server that runs no registry of its own.
private func registryFaults(_ files: [PipelineFile]) -> [Fault] {
    files.compactMap { file in
        guard let place = file.embeddedRegistryPlace else { return nil }
        let message = """
            the images go to the registry of this server, and fairlead.yaml runs none: write registry: { embedded: true } \
            there, or registry: { address: HOST:PORT } here
            """
        return Fault(file: file.file, line: place.line, column: place.column, message: message)
    }
}

/// An environment has one target and one namespace, and no other environment has them: so one lane is all that is
/// needed to keep two runs from changing the same thing.
private func environmentFaults(_ files: [PipelineFile]) -> [Fault] {
    var faults: [Fault] = []
    var seen: [(file: PipelineFile, lane: LanePlace)] = []
    for file in files {
        guard let definition = file.definition else { continue }
        let lane = LanePlace(definition: definition, target: TargetPlace(definition.deploy.target))
        for (otherFile, other) in seen {
            let place = "\(otherFile.file):\(otherFile.environmentPlace.line)"
            guard let message = environmentFault(lane, other, in: place) else { continue }
            let line = file.environmentPlace.line
            let column = file.environmentPlace.column
            faults.append(Fault(file: file.file, line: line, column: column, message: message))
            break
        }
        seen.append((file, lane))
    }
    return faults
}

/// What a file's environment deploys to.
private struct LanePlace {
    let definition: Definition
    let target: TargetPlace
}

private func environmentFault(_ lane: LanePlace, _ otherLane: LanePlace, in place: String) -> String? {
    let (definition, other) = (lane.definition, otherLane.definition)
    let here = definition.deploy
    let there = other.deploy
    guard definition.environment == other.environment else {
        guard lane.target.mayBe(otherLane.target), here.namespace == there.namespace else { return nil }
        var both = ""
        if here.target != there.target, let server = lane.target.server, server == otherLane.target.server {
            both = " (\(here.target) and \(there.target) are both \(server))"
        }
        return """
            the environment \(quoted(definition.environment)) has the target and the namespace \
            \(quoted(here.namespace)) of the environment \(quoted(other.environment)) in \(place)\(both): give it a \
            namespace of its own, or name one environment in both
            """
    }
    if here.target != there.target {
        return """
            the environment \(quoted(definition.environment)) deploys to \(here.target) here and to \
            \(there.target) in \(place): write the same target in both, or name two environments
            """
    }
    if here.namespace == there.namespace { return nil }
    return """
        the environment \(quoted(definition.environment)) has the namespace \(quoted(here.namespace)) here \
        and \(quoted(there.namespace)) in \(place): write the same target and namespace in both, or \
        name two environments
        """
}
