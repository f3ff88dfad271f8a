import Kubernetes

/// Who owns which fields of an object: `metadata.managedFields`.
struct ManagedFields {
    struct Manager: Hashable {
        var name: String
        /// By `Apply`, or by `Update` for every other write.
        var isApply: Bool
        /// Of an `Update`; an applier is the same one in every version.
        var apiVersion: String?
        var subresource: String

        /// As conflicts name it: appliers by name, others with the version that they used.
        func description(_ entry: Entry) -> String {
            var text = "\"\(name)\""
            if !subresource.isEmpty { text += " with subresource \"\(subresource)\"" }
            return isApply ? text : "\(text) using \(entry.apiVersion)"
        }
    }

    struct Entry: Equatable {
        var apiVersion: String
        var fields: FieldSet
        var time: String?
    }

    var entries: [Manager: Entry] = [:]

    init(of object: JSON) {
        for item in object[["metadata", "managedFields"]]?.items ?? [] {
            let isApply = item["operation"]?.string == "Apply"
            let version = item["apiVersion"]?.string ?? ""
            let manager = Manager(
                name: item["manager"]?.string ?? "",
                isApply: isApply,
                apiVersion: isApply ? nil : version,
                subresource: item["subresource"]?.string ?? ""
            )
            let fields = FieldSet(json: item["fieldsV1"] ?? [:])
            entries[manager] = Entry(apiVersion: version, fields: fields, time: item["time"]?.string)
        }
    }

    /// Appliers first, then by time and name.
    var json: JSON {
        let sorted = entries.sorted {
            let (left, right) = ($0.key, $1.key)
            if left.isApply != right.isApply { return left.isApply }
            let (earlier, later) = ($0.value.time ?? "", $1.value.time ?? "")
            return (earlier, left.name, left.subresource) < (later, right.name, right.subresource)
        }
        return .array(
            sorted.map { manager, entry in
                var item: JSON = [
                    "manager": .string(manager.name), "operation": .string(manager.isApply ? "Apply" : "Update"),
                    "apiVersion": .string(entry.apiVersion), "fieldsType": "FieldsV1", "fieldsV1": entry.fields.json,
                ]
                if let time = entry.time { item.set(["time"], .string(time)) }
                if !manager.subresource.isEmpty { item.set(["subresource"], .string(manager.subresource)) }
                return item
            }
        )
    }

    mutating func dropEmpty() { entries = entries.filter { !$0.value.fields.isEmpty } }
}
