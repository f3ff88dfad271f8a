import CMicroHTTPD

/// A response in libmicrohttpd's form.
struct OutgoingResponse: ~Copyable {
    private let status: UInt32
    private let connection: OpaquePointer
    private let response: OpaquePointer

    /// - Returns: nil when memory is short.
    init?(_ response: Response, connection: ClientConnection, handle: OpaquePointer) {
        var response = response
        if !OutgoingResponse.isSendable(response) {
            response.discard()
            response = Refusal.badResponse.response
        } else if case .stream(let stream) = response.body, !stream.attach(to: connection, handle: handle) {
            // It already serves another response, or its end was told to whoever waited for it.
            response = Refusal.badResponse.response
        }
        guard let made = OutgoingResponse.body(response.body) else { return nil }
        for (name, value) in response.headers where !value.isEmpty && !OutgoingResponse.isFraming(name) {
            MHD_add_response_header(made, name, value)
        }
        if !connection.core.isServing { MHD_add_response_header(made, "Connection", "close") }
        status = UInt32(response.status)
        self.connection = handle
        self.response = made
    }

    deinit { MHD_destroy_response(response) }

    func queue() -> MHD_Result { MHD_queue_response(connection, status, response) }

    private static func body(_ body: Response.Body) -> OpaquePointer? {
        switch body {
        case .empty:
            return MHD_create_response_from_buffer(0, nil, MHD_ResponseMemoryMode.RESPMEM_PERSISTENT)
        case .bytes(let bytes):
            return bytes.withUnsafeBytes { bytes in
                MHD_create_response_from_buffer(
                    bytes.count,
                    UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                    .RESPMEM_MUST_COPY
                )
            }
        case .stream(let stream):
            let context = Unmanaged.passRetained(stream)
            let made = MHD_create_response_from_callback(
                microhttpd_size_unknown,
                4096,
                Callbacks.readStream,
                context.toOpaque(),
                Callbacks.freeStream
            )
            if made == nil {
                stream.detach()
                context.release()
            }
            return made
        }
    }

    private static func isSendable(_ response: Response) -> Bool {
        guard 200...599 ~= response.status else { return false }
        return response.headers.allSatisfy { name, value in
            !name.isEmpty && name.utf8.allSatisfy(ASCII.isToken) && value.utf8.allSatisfy(ASCII.isFieldValue)
        }
    }

    private static func isFraming(_ name: String) -> Bool {
        switch name.utf8.count {
        case 14: ASCII.equal(name.utf8, "content-length".utf8)
        case 17: ASCII.equal(name.utf8, "transfer-encoding".utf8)
        default: false
        }
    }
}
