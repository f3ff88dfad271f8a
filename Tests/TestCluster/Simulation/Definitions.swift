import Kubernetes

extension Cluster {
    /// A CustomResourceDefinition is accepted, then established, and from then on its resource is served.
    mutating func establish(_ definition: JSON, _ place: Place) {
        guard !definition.isBeingDeleted else { return }
        if definition.condition("Established")?["status"] == "True" { return serve(definition) }
        guard definition.condition("NamesAccepted") == nil else { return }
        update(place, as: "kube-apiserver") {
            $0.setCondition("NamesAccepted", true, "NoConflicts", "no conflicts found")
            $0.setCondition("Established", false, "Installing", "the initial names have been accepted")
            $0.set(["status", "acceptedNames"], $0[["spec", "names"]])
        }
        agenda.after(options.establishDelay) { cluster in
            cluster.update(place, as: "kube-apiserver") {
                $0.setCondition("Established", true, "InitialNamesAccepted", "the initial names have been accepted")
                let stored = ($0[["spec", "versions"]]?.items ?? []).first { $0["storage"] == true }
                $0.set(["status", "storedVersions"], [stored?["name"] ?? "v1"])
            }
            if let definition = cluster.store[place] { cluster.serve(definition) }
        }
    }

    private mutating func serve(_ definition: JSON) {
        let group = definition[["spec", "group"]]?.string ?? ""
        let names = definition[["spec", "names"]] ?? [:]
        let plural = names["plural"]?.string ?? ""
        var made: [Resource] = []
        for version in definition[["spec", "versions"]]?.items ?? [] where version["served"] == true {
            let schema = version[["schema", "openAPIV3Schema"]]
            let below = version["subresources"]?.members ?? [:]
            made.append(
                Resource(
                    group: group,
                    version: version["name"]?.string ?? "",
                    kind: names["kind"]?.string ?? "",
                    plural: plural,
                    isNamespaced: definition[["spec", "scope"]] == "Namespaced",
                    shortNames: (names["shortNames"]?.items ?? []).compactMap(\.string),
                    categories: (names["categories"]?.items ?? []).compactMap(\.string),
                    subresources: Set(below.keys),
                    custom: schema ?? [:],
                    shape: .custom(schema: schema),
                    hasGeneration: true
                )
            )
        }
        resources.replaceCustom(group: group, plural: plural, with: made)
    }

    /// With its definition a resource goes, and all its objects.
    mutating func retire(definition: JSON) {
        let group = definition[["spec", "group"]]?.string ?? ""
        let plural = definition[["spec", "names", "plural"]]?.string ?? ""
        let key = "\(plural).\(group)"
        for object in store.list(key) {
            let isNamespaced = definition[["spec", "scope"]] == "Namespaced"
            let namespace = isNamespaced ? object.namespace ?? "" : ""
            erase(Place(resource: key, namespace: namespace, name: object.name))
        }
        resources.replaceCustom(group: group, plural: plural, with: [])
    }
}
