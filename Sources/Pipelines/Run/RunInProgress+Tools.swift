/// The tools of the stages, set up for one run: its children are recorded under its number.
extension RunInProgress {
    var builder: ImageBuilder { ImageBuilder(podman: needs.podman.forRun(id)) }

    func pusher() throws -> ImagePusher { ImagePusher() }

    /// Where an image of this pipeline is pushed to.
    func repository(of image: String) throws -> String {
        try needs.registries.repository(of: image, in: definition)
    }
}
