import Foundation
import TestCluster

/// A test cluster as a process:
/// `test-cluster [--port N] [--kubeconfig FILE] [--ready-delay MILLISECONDS] [--no-anonymous]`.
/// Prints its URL, writes a kubeconfig, and serves until SIGTERM or SIGINT. Requests without a token come in unless told
/// otherwise, because kubectl sends none over plain HTTP.
@main
struct TestClusterServer {
    static func main() async throws {
        var options = ClusterOptions()
        options.allowsAnonymous = true
        var kubeconfig: String?
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            switch argument {
            case "--port": options.port = arguments.popFirst().flatMap { UInt16($0) } ?? 0
            case "--kubeconfig": kubeconfig = arguments.popFirst()
            case "--ready-delay":
                options.readyDelay = .milliseconds(arguments.popFirst().flatMap { Int($0) } ?? 20)
            case "--no-anonymous": options.allowsAnonymous = false
            default:
                FileHandle.standardError.write(Data("test-cluster: unknown argument \(argument)\n".utf8))
                exit(2)
            }
        }
        // Before the server starts its threads, so that they all leave the signals to the source.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let cluster = try TestCluster.start(options)
        if let kubeconfig { try cluster.kubeconfig.write(toFile: kubeconfig, atomically: true, encoding: .utf8) }
        FileHandle.standardOutput.write(Data("\(cluster.url)\n".utf8))
        await withCheckedContinuation { (ended: CheckedContinuation<Void, Never>) in
            let thread = Thread {
                var signals = sigset_t()
                sigemptyset(&signals)
                sigaddset(&signals, SIGTERM)
                sigaddset(&signals, SIGINT)
                var number: Int32 = 0
                sigwait(&signals, &number)
                ended.resume()
            }
            thread.start()
        }
        await cluster.stop()
    }
}
