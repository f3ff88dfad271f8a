import CMicroHTTPD

/// What libmicrohttpd calls, on its own threads. Each finds its object in the context pointer it gets.
enum Callbacks {
    /// A connection was taken on, or is about to be closed.
    static let connection: MHD_NotifyConnectionCallback = { context, handle, place, event in
        guard let context, let handle, let place else { return }
        if event == .CONNECTION_NOTIFY_STARTED {
            let core = Unmanaged<Core>.fromOpaque(context).takeUnretainedValue()
            let connection = ClientConnection(core: core, handle: handle)
            place.pointee = Unmanaged.passRetained(connection).toOpaque()
            core.connectionOpened(connection)
        } else if let stored = place.pointee {
            let connection = Unmanaged<ClientConnection>.fromOpaque(stored).takeRetainedValue()
            place.pointee = nil
            connection.closed()
            connection.core.connectionClosed(connection)
        }
    }

    /// A request line has arrived. What this returns is `request` in the callbacks below.
    static let requestLine:
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafePointer<CChar>?, OpaquePointer?
        ) -> UnsafeMutableRawPointer? = { _, target, handle in
            guard let target, let handle, let stored = microhttpd_connection_context(handle) else { return nil }
            let connection = Unmanaged<ClientConnection>.fromOpaque(stored).takeUnretainedValue()
            return Unmanaged.passRetained(Exchange(connection: connection, handle: handle, target: target)).toOpaque()
        }

    static let request: MHD_AccessHandlerCallback = { _, _, _, method, version, piece, count, place in
        guard let method, let version, let count, let stored = place?.pointee else { return .NO }
        return Unmanaged<Exchange>.fromOpaque(stored)._withUnsafeGuaranteedRef {
            $0.proceed(method: method, version: version, piece: piece, count: count)
        }
    }

    static let completed: MHD_RequestCompletedCallback = { _, _, place, _ in
        guard let stored = place?.pointee else { return }
        place?.pointee = nil
        Unmanaged<Exchange>.fromOpaque(stored).takeRetainedValue().finish()
    }

    static let readStream: MHD_ContentReaderCallback = { context, _, buffer, capacity in
        guard let context, let buffer else { return microhttpd_end_with_error }
        return Unmanaged<EventStream>.fromOpaque(context).takeUnretainedValue()
            .fill(UnsafeMutableRawBufferPointer(start: buffer, count: capacity))
    }

    static let freeStream: MHD_ContentReaderFreeCallback = { context in
        guard let context else { return }
        Unmanaged<EventStream>.fromOpaque(context).takeRetainedValue().detach()
    }
}
