import Kubernetes

/// How one write is done.
struct WriteOptions {
    /// The field manager.
    var manager: String
    var user: String
    var isDryRun = false
    var isForced = false
    /// Whether unknown fields are refused.
    var isStrict = false
    /// `status` or `scale`; empty for the object itself.
    var subresource = ""
    /// For what makes the scene: the object's status is taken as it is given.
    var keepsStatus = false
    /// The version in which the fields are named.
    var apiVersion: String?

    init(manager: String, user: String) {
        self.manager = manager
        self.user = user
    }

    init(_ call: Call) throws {
        self.init(manager: call.manager, user: call.user)
        isDryRun = try call.isDryRun()
        isStrict = call.query("fieldValidation") == "Strict"
    }

    func fieldManager(_ resource: Resource, isApply: Bool) -> FieldManager {
        let version = apiVersion ?? resource.apiVersion
        let manager = ManagedFields.Manager(
            name: manager,
            isApply: isApply,
            apiVersion: isApply ? nil : version,
            subresource: subresource
        )
        var ignored = FieldSet()
        if subresource == "status" {
            ignored = FieldSet([.field("spec")], [.field("metadata"), .field("labels")])
        } else if resource.subresources.contains("status"), !keepsStatus {
            ignored = FieldSet([.field("status")])
        }
        return FieldManager(
            manager: manager,
            apiVersion: version,
            shape: resource.shape,
            ignored: ignored,
            time: Timestamp.now
        )
    }
}
