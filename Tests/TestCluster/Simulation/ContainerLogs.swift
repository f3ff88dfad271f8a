import HTTPServer
import Kubernetes

extension Cluster {
    /// What a container wrote, by the behaviour of its image.
    func log(_ route: Route, _ call: Call) throws -> Response {
        let pod = try get(route)
        let names = ["initContainers", "containers"].flatMap { pod[["spec", $0]]?.items ?? [] }
        let main = pod[["spec", "containers"]]?.items ?? []
        let asked = call.query("container") ?? (main.count == 1 ? main[0]["name"]?.string : nil)
        guard let asked else {
            let list = main.compactMap { $0["name"]?.string }.joined(separator: " ")
            throw Failure.badRequest(
                "a container name must be specified for pod \(pod.name), choose one of: [\(list)]"
            )
        }
        guard let container = names.first(where: { $0["name"]?.string == asked }) else {
            throw Failure.badRequest("container \(asked) is not valid for pod \(pod.name)")
        }
        let behaviour = images.behaviour(of: container["image"]?.string ?? "")
        let status = pod.containerStatus(asked)
        var text = behaviour.log
        if call.isSet("previous") {
            guard status?[["lastState", "terminated"]] != nil else {
                throw Failure.badRequest("previous terminated container \"\(asked)\" in pod \"\(pod.name)\" not found")
            }
            text = behaviour.previousLog ?? behaviour.log
        } else if let reason = status?[["state", "waiting", "reason"]]?.string, reason != "CrashLoopBackOff" {
            throw Failure.badRequest(
                "container \"\(asked)\" in pod \"\(pod.name)\" is waiting to start: \(reason)"
            )
        } else if status == nil {
            throw Failure.badRequest(
                "container \"\(asked)\" in pod \"\(pod.name)\" is waiting to start: ContainerCreating"
            )
        }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        if let count = call.query("tailLines").flatMap({ Int($0) }) { lines = Array(lines.suffix(count)) }
        if call.isSet("timestamps") { lines = lines.map { "\(Timestamp.nowPrecise) \($0)" } }
        var bytes = Array(lines.map { $0 + "\n" }.joined().utf8)
        if let limit = call.query("limitBytes").flatMap({ Int($0) }) { bytes = Array(bytes.prefix(limit)) }
        return .bytes(bytes, type: "text/plain; charset=utf-8")
    }
}

extension JSON {
    func containerStatus(_ name: String) -> JSON? {
        for list in ["containerStatuses", "initContainerStatuses"] {
            if let found = self[["status", list]]?.items.first(where: { $0["name"]?.string == name }) { return found }
        }
        return nil
    }
}
