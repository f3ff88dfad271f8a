import Foundation
import HTTPServer
import Kubernetes

extension Cluster {
    /// Everything that is not an object: versions, groups, resources, the OpenAPI documents, health.
    func discovery(_ call: Call) -> JSON? {
        let path = call.request.path
        let parts = path.split(separator: "/").map(String.init)
        switch parts.first {
        case "version": return version
        case "openapi": return openAPI(parts)
        case "api" where parts.count == 1:
            if call.wantsAggregated { return aggregated { $0.isEmpty } }
            return ["kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []]
        case "apis" where parts.count == 1:
            if call.wantsAggregated { return aggregated { !$0.isEmpty } }
            let groups = resources.groups.filter { !$0.name.isEmpty }.map(group)
            return ["kind": "APIGroupList", "apiVersion": "v1", "groups": .array(groups)]
        case "apis" where parts.count == 2:
            guard let found = resources.groups.first(where: { $0.name == parts[1] }) else { return nil }
            var answer = group(found)
            answer.set(["kind"], "APIGroup")
            answer.set(["apiVersion"], "v1")
            return answer
        case "api" where parts.count == 2: return resourceList("", parts[1])
        case "apis" where parts.count == 3: return resourceList(parts[1], parts[2])
        default: return nil
        }
    }

    private var version: JSON {
        let numbers = options.version.dropFirst().split(separator: ".")
        return [
            "major": .string(String(numbers.first ?? "1")), "minor": .string(String(numbers.dropFirst().first ?? "0")),
            "gitVersion": .string(options.version), "gitCommit": "", "gitTreeState": "clean", "buildDate": "",
            "goVersion": "", "compiler": "swift", "platform": "linux/amd64",
        ]
    }

    private func group(_ group: (name: String, versions: [String])) -> JSON {
        let versions: [JSON] = group.versions.map {
            ["groupVersion": .string("\(group.name)/\($0)"), "version": .string($0)]
        }
        return ["name": .string(group.name), "versions": .array(versions), "preferredVersion": versions.first ?? [:]]
    }

    private func resourceList(_ group: String, _ version: String) -> JSON? {
        let found = resources.all.filter { $0.group == group && $0.version == version }
        guard let first = found.first else { return nil }
        var items: [JSON] = []
        for resource in found {
            var item: JSON = [
                "name": .string(resource.plural), "singularName": .string(resource.singular),
                "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind), "verbs": Cluster.verbs,
            ]
            if !resource.shortNames.isEmpty { item.set(["shortNames"], .array(resource.shortNames.map(JSON.string))) }
            if !resource.categories.isEmpty { item.set(["categories"], .array(resource.categories.map(JSON.string))) }
            items.append(item)
            for subresource in resource.subresources.sorted() {
                items.append([
                    "name": .string("\(resource.plural)/\(subresource)"), "singularName": "",
                    "namespaced": .bool(resource.isNamespaced), "kind": .string(resource.kind(of: subresource)),
                    "verbs": ["get", "patch", "update"],
                ])
            }
        }
        return [
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": .string(first.apiVersion),
            "resources": .array(items),
        ]
    }

    /// All at once (KEP-3352).
    private func aggregated(_ isWanted: (String) -> Bool) -> JSON {
        let items: [JSON] = resources.groups.filter { isWanted($0.name) }.map { group in
            let versions: [JSON] = group.versions.map { version in
                let found = resources.all.filter { $0.group == group.name && $0.version == version }
                return [
                    "version": .string(version), "freshness": "Current", "resources": .array(found.map(\.aggregated)),
                ]
            }
            let metadata: JSON = group.name.isEmpty ? ["creationTimestamp": .null] : ["name": .string(group.name)]
            return ["metadata": metadata, "versions": .array(versions)]
        }
        return [
            "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": [:],
            "items": .array(items),
        ]
    }

    fileprivate static let verbs: JSON = [
        "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
    ]

    /// As little as lets kubectl see that the server checks fields itself.
    private func openAPI(_ parts: [String]) -> JSON? {
        switch parts.dropFirst().first {
        case "v3" where parts.count == 2:
            var paths: [String: JSON] = [:]
            for version in Set(resources.all.map { $0.group.isEmpty ? "api/v1" : "apis/\($0.apiVersion)" }) {
                paths[version] = ["serverRelativeURL": .string("/openapi/v3/\(version)")]
            }
            return ["paths": .object(paths)]
        case "v3":
            let wanted = parts.dropFirst(3).joined(separator: "/")
            var paths: [String: JSON] = [:]
            for resource in resources.all where resource.apiVersion == wanted {
                let scope = resource.isNamespaced ? "/namespaces/{namespace}" : ""
                paths["/\(parts.dropFirst(2).joined(separator: "/"))\(scope)/\(resource.plural)/{name}"] = [
                    "patch": [
                        "parameters": [
                            ["name": "fieldValidation", "in": "query", "schema": ["type": "string"]],
                            ["name": "dryRun", "in": "query", "schema": ["type": "string"]],
                        ],
                        "responses": [:], "x-kubernetes-group-version-kind": resource.groupVersionKind,
                    ]
                ]
            }
            let info: JSON = ["title": "Kubernetes", "version": .string(options.version)]
            return ["openapi": "3.0.0", "info": info, "paths": .object(paths), "components": ["schemas": [:]]]
        default: return nil
        }
    }
}

extension Call {
    /// kubectl names the aggregated form first; version 2 is the stable one.
    var wantsAggregated: Bool {
        let accept = request.header("Accept") ?? ""
        return accept.contains("as=APIGroupDiscoveryList") && accept.contains("v=v2;")
            || accept.contains("as=APIGroupDiscoveryList") && accept.hasSuffix("v=v2")
    }
}

extension Resource {
    fileprivate var groupVersionKind: JSON {
        ["group": .string(group), "version": .string(version), "kind": .string(kind)]
    }

    fileprivate func kind(of subresource: String) -> String { subresource == "scale" ? "Scale" : kind }

    fileprivate var aggregated: JSON {
        var item: JSON = [
            "resource": .string(plural), "responseKind": groupVersionKind, "singularResource": .string(singular),
            "scope": isNamespaced ? "Namespaced" : "Cluster", "verbs": Cluster.verbs,
        ]
        if !shortNames.isEmpty { item.set(["shortNames"], .array(shortNames.map(JSON.string))) }
        if !categories.isEmpty { item.set(["categories"], .array(categories.map(JSON.string))) }
        let below: [JSON] = subresources.sorted().map { name in
            let scale: JSON = ["group": "autoscaling", "version": "v1", "kind": "Scale"]
            return [
                "subresource": .string(name), "responseKind": name == "scale" ? scale : groupVersionKind,
                "verbs": ["get", "patch", "update"],
            ]
        }
        if !below.isEmpty { item.set(["subresources"], .array(below)) }
        return item
    }
}
