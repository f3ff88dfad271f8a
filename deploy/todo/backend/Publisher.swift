import HTTPClient
import Telemetry
import TodoCommon

/// Where events go.
protocol Publisher: Sendable {
    /// Hands an event over; when this returns, the other side answers for it.
    /// - Throws: ``PublishError``.
    func publish(_ event: CloudEvent<TaskSnapshot>) async throws
}

struct PublishError: Error, CustomStringConvertible {
    /// Whether only this event is the trouble: others may go meanwhile, except those of the same task.
    let isOwn: Bool
    let description: String
}

/// Through Dapr's pub/sub API. Dapr's answer means that the broker has it.
struct DaprPublisher: Publisher {
    let sidecar: DaprSidecar
    /// The component's name.
    let name: String

    func publish(_ event: CloudEvent<TaskSnapshot>) async throws {
        // Kafka keeps the order of events with one key.
        let path = "/publish/\(name)/\(event.type)?metadata.partitionKey=\(event.data.id)"
        let response: HTTPResponse
        do {
            response = try await sidecar.send(
                "POST",
                path,
                headers: [("Content-Type", "application/cloudevents+json")],
                body: try JSON.encode(event)
            )
        } catch let error as HTTPClientError {
            throw PublishError(isOwn: false, description: "the sidecar does not answer: \(error)")
        }
        guard (200...299).contains(response.status) else {
            let said = String(decoding: response.body.prefix(300), as: UTF8.self)
            throw PublishError(isOwn: true, description: "the sidecar answered \(response.status): \(said)")
        }
    }
}

/// Without Dapr: straight to the event service, as Dapr would deliver it.
struct DirectPublisher: Publisher {
    let base: String
    /// What the event service expects in `dapr-api-token`.
    let token: String?
    let client: HTTPClient

    func publish(_ event: CloudEvent<TaskSnapshot>) async throws {
        guard let change = TaskChange(topic: event.type) else {
            throw PublishError(isOwn: true, description: "no topic is called \(event.type)")
        }
        switch try await post(event, to: change.route) {
        case .success: return
        case .retry: throw PublishError(isOwn: true, description: "the event service wants it again")
        case .drop:
            // As Dapr does with a dead-letter topic.
            guard try await post(event, to: TaskChange.deadLetterRoute) == .success else {
                throw PublishError(isOwn: true, description: "the event service takes no dead letter")
            }
        }
    }

    private func post(_ event: CloudEvent<TaskSnapshot>, to route: String) async throws -> DeliveryStatus {
        let own = (token.map { [("dapr-api-token", $0)] } ?? []) + (SpanContext.current?.headers ?? [])
        let response: HTTPResponse
        do {
            response = try await client.send(
                HTTPRequest(
                    method: "POST",
                    url: base + route,
                    headers: own + [("Content-Type", "application/cloudevents+json")],
                    body: try JSON.encode(event),
                    deadline: .seconds(10),
                    connectTimeout: .seconds(2)
                )
            )
        } catch let error as HTTPClientError {
            throw PublishError(isOwn: false, description: "the event service does not answer: \(error)")
        }
        guard response.status == 200 else {
            throw PublishError(isOwn: true, description: "the event service answered \(response.status)")
        }
        // As Dapr reads it: an answer that says nothing else means success.
        return (try? JSON.decode(DeliveryAnswer.self, from: response.body))?.status ?? .success
    }
}
