extension Manifest {
    /// The same object, whose pods pull their images with a Secret of their namespace besides those that it names.
    ///
    /// - Parameters:
    ///   - secret: the Secret's name, of type `kubernetes.io/dockerconfigjson`.
    ///   - uses: where the images are used that need it. Objects that are not among them stay as they are, as do custom
    ///     resources: nobody knows where they keep such names.
    public func pulling(with secret: String, for uses: [ImageUse]) -> Manifest {
        guard uses.contains(where: { $0.object == id && $0.container != nil }),
            let path = PodTemplate.specification(of: id.groupKind)
        else { return self }
        let known = object[path]?["imagePullSecrets"]?.items ?? []
        guard !known.contains(where: { $0["name"]?.string == secret }) else { return self }
        var manifest = self
        manifest.object.set(path + ["imagePullSecrets"], .array(known + [["name": .string(secret)]]))
        return manifest
    }
}
