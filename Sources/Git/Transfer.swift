import CGit2
import Glibc

/// One exchange with the server of one repository: who it is, how we prove who we are, and what libgit2's callbacks
/// answer.
final class Transfer {
    /// A ref as the server tells it. `refs/tags/v1^{}` is what the annotated tag `refs/tags/v1` points at.
    struct Head: Sendable {
        let name: String
        let id: String

        var isBranchOrTag: Bool {
            (name.hasPrefix("refs/heads/") || name.hasPrefix("refs/tags/")) && !name.hasSuffix("^{}")
        }
    }

    let url: RemoteURL
    let credential: GitCredential
    let caFile: String?
    /// For addresses that came out of a repository and not from the configuration.
    let refusesLocalAddresses: Bool
    private let job: Job
    private let progress: (@Sendable (FetchProgress) -> Void)?
    private var lastReport: ContinuousClock.Instant?
    private var hasOfferedCredential = false
    /// Set while connected.
    private var remote: OpaquePointer?

    init(
        job: Job,
        url: RemoteURL,
        credential: GitCredential,
        caFile: String?,
        refusesLocalAddresses: Bool = false,
        progress: (@Sendable (FetchProgress) -> Void)? = nil
    ) {
        (self.job, self.url, self.credential, self.caFile) = (job, url, credential, caFile)
        (self.refusesLocalAddresses, self.progress) = (refusesLocalAddresses, progress)
    }

    /// Connects, hands out the refs of the server, runs the body and disconnects. Without a repository nothing can be
    /// downloaded.
    func withConnection<Result>(
        to repository: OpaquePointer?,
        _ body: ([Head]) throws -> Result
    ) throws -> Result {
        try checkFiles()
        job.transfer = self
        hasOfferedCredential = false
        let address = url.text(user: sshUser)
        var creation = git_remote_create_options()
        git_remote_create_options_init(&creation, UInt32(GIT_REMOTE_CREATE_OPTIONS_VERSION))
        creation.repository = repository
        creation.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF.rawValue
        try check(doing, git_remote_create_with_opts(&remote, address, &creation))
        defer {
            git_remote_free(remote)
            remote = nil
        }
        try withCStrings(authorization) { (headers) throws(GitError) in
            var options = git_remote_connect_options()
            git_remote_connect_options_init(&options, UInt32(GIT_REMOTE_CONNECT_OPTIONS_VERSION))
            options.callbacks = callbacks()
            options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
            options.custom_headers = headers
            try attempt(git_remote_connect_ext(remote, GIT_DIRECTION_FETCH, &options))
        }
        defer { git_remote_disconnect(remote) }
        let result = try body(try heads())
        job.transfer = nil
        return result
    }

    /// Downloads what the refspecs name and the repository lacks. Inside `withConnection` only.
    func download(_ refspecs: [String]) throws(GitError) {
        try withCStrings(authorization) { (headers) throws(GitError) in
            try withCStrings(refspecs) { (specs) throws(GitError) in
                var options = git_fetch_options()
                git_fetch_options_init(&options, UInt32(GIT_FETCH_OPTIONS_VERSION))
                options.callbacks = callbacks()
                options.follow_redirects = GIT_REMOTE_REDIRECT_NONE
                options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE
                options.custom_headers = headers
                var specs = specs
                try attempt(git_remote_download(remote, &specs, &options))
            }
        }
    }

    private func heads() throws(GitError) -> [Head] {
        var list: UnsafeMutablePointer<UnsafePointer<git_remote_head>?>?
        var count = 0
        try check(doing, git_remote_ls(&list, &count, remote))
        return UnsafeBufferPointer(start: list, count: count).compactMap { entry in
            guard let head = entry?.pointee, let name = head.name else { return nil }
            return Head(name: String(cString: name), id: ObjectID(head.oid).hex)
        }
    }

    private var doing: String { "cannot fetch from \(url.display)" }

    private func attempt(_ status: Int32) throws(GitError) {
        if status < 0, let reason = job.reasonToStop() { throw reason }
        try check(doing, status)
    }
}

// MARK: Credentials

extension Transfer {
    /// An ssh address always carries its user, or libgit2 would ask for one.
    private var sshUser: String? {
        guard url.scheme == .ssh else { return nil }
        switch credential {
        case .sshKey(let user, _, _, _), .password(let user, _): return user.isEmpty ? url.user ?? "git" : user
        case .none: return url.user ?? "git"
        }
    }

    /// Sent with the first request: waiting to be asked would cost a round trip each time. Only the server of `url` can
    /// receive it, since `Connection` reaches no other.
    private var authorization: [String] {
        guard url.scheme == .http || url.scheme == .https, case .password(let user, let password) = credential else {
            return []
        }
        return ["Authorization: Basic " + base64(Array("\(user):\(password)".utf8))]
    }

    /// Files that are missing are better named now than by what libssh2 makes of it.
    private func checkFiles() throws(GitError) {
        if case .sshKey(_, let key, _, let hosts) = credential, url.scheme == .ssh {
            guard access(key, R_OK) == 0 else {
                throw GitError(.authentication, "the private key \(key) cannot be read")
            }
            if let hosts, access(hosts, R_OK) != 0 {
                throw GitError(.hostKey, "the file of known hosts, \(hosts), cannot be read")
            }
        }
        if url.scheme == .file, access(url.path, R_OK | X_OK) != 0 {
            throw GitError(.notFound, "there is no repository at \(url.path) that can be read")
        }
    }

    fileprivate func provide(_ out: UnsafeMutablePointer<UnsafeMutablePointer<git_credential>?>?, _ kinds: UInt32)
        -> Int32
    {
        if hasOfferedCredential || url.scheme != .ssh { return refuseCredential() }
        hasOfferedCredential = true
        switch credential {
        case .sshKey(_, let key, let passphrase, _) where kinds & GIT_CREDENTIAL_SSH_KEY.rawValue != 0:
            return git_credential_ssh_key_new(out, sshUser, nil, key, passphrase)
        case .password(_, let password) where kinds & GIT_CREDENTIAL_USERPASS_PLAINTEXT.rawValue != 0:
            return git_credential_userpass_plaintext_new(out, sshUser, password)
        default:
            return refuseCredential()
        }
    }

    private func refuseCredential() -> Int32 {
        let why: String =
            switch credential {
            case .none: "\(url.display) asks for credentials, and none are configured for it"
            case .password(let user, _): "\(url.display) refused the password of “\(user)”"
            case .sshKey(let user, let key, _, _):
                "\(url.display) refused the key \(key) for “\(user)”"
                    + (isRSAKey(key) ? "; it is an RSA key, use Ed25519 with servers that want SHA-2 signatures" : "")
            }
        return stop(GitError(.authentication, why))
    }

    private func isRSAKey(_ path: String) -> Bool {
        let lines = String(decoding: contents(ofFile: path) ?? [], as: UTF8.self).split(whereSeparator: \.isNewline)
        if lines.first?.contains("BEGIN RSA") == true { return true }
        let body = base64Decoded(lines.filter { !$0.hasPrefix("-") }.joined()) ?? []
        // An unencrypted header of the format names the kind of the public key.
        return String(decoding: body.prefix(256), as: UTF8.self).contains("ssh-rsa")
    }

    fileprivate func judgeHostKey(_ certificate: UnsafeMutablePointer<git_cert>?, isKnown: Bool) -> Int32 {
        guard let certificate, certificate.pointee.cert_type == GIT_CERT_HOSTKEY_LIBSSH2 else {
            return stop(GitError(.hostKey, "\(url.display) presented no host key"))
        }
        let presented = UnsafeMutableRawPointer(certificate).assumingMemoryBound(to: git_cert_hostkey.self).pointee
        guard let bytes = presented.hostkey else {
            return stop(GitError(.hostKey, "\(url.display) presented no host key"))
        }
        let key = Array(UnsafeRawBufferPointer(start: bytes, count: presented.hostkey_len))
        var verdict = isKnown ? KnownHosts.Verdict.known : .unknown
        if case .sshKey(_, _, _, let path?) = credential {
            let text = String(decoding: contents(ofFile: path) ?? [], as: UTF8.self)
            verdict = KnownHosts(text: text).judge(host: url.host, port: url.port, key: key)
        }
        let name = "the host key (\(sshKeyKind(key))) of \(url.host):\(url.port)"
        let mend = "; ssh-keyscan -p \(url.port) \(url.host) prints its keys"
        switch verdict {
        case .known: return 0
        case .unknown: return stop(GitError(.hostKey, "\(name) is not among the known hosts\(mend)"))
        case .revoked: return stop(GitError(.hostKey, "\(name) is marked as revoked in the known hosts"))
        case .different(let kinds):
            let list = kinds.joined(separator: ", ")
            return stop(GitError(.hostKey, "\(name) differs from the known hosts, which have \(list)\(mend)"))
        }
    }

    private func stop(_ error: GitError) -> Int32 {
        job.fail(error)
        git_error_set_str(Int32(GIT_ERROR_CALLBACK.rawValue), error.message)
        return GIT_EUSER.rawValue
    }
}

// MARK: Callbacks

extension Transfer {
    private func callbacks() -> git_remote_callbacks {
        var callbacks = git_remote_callbacks()
        git_remote_init_callbacks(&callbacks, UInt32(GIT_REMOTE_CALLBACKS_VERSION))
        callbacks.payload = Unmanaged.passUnretained(self).toOpaque()
        callbacks.credentials = { out, _, _, kinds, payload in
            Transfer.of(payload).provide(out, kinds)
        }
        // TLS certificates are checked by the stream, and a callback could only loosen that.
        if url.scheme == .ssh {
            callbacks.certificate_check = { certificate, isValid, _, payload in
                Transfer.of(payload).judgeHostKey(certificate, isKnown: isValid != 0)
            }
        }
        callbacks.transfer_progress = { statistics, payload in
            Transfer.of(payload).report(statistics)
        }
        callbacks.sideband_progress = { _, _, payload in
            Transfer.of(payload).report(nil)
        }
        return callbacks
    }

    private static func of(_ payload: UnsafeMutableRawPointer?) -> Transfer {
        // Not nil: `callbacks` sets it, and the transfer outlives every call that uses them.
        Unmanaged<Transfer>.fromOpaque(payload!).takeUnretainedValue()
    }

    private func report(_ statistics: UnsafePointer<git_indexer_progress>?) -> Int32 {
        job.noteActivity()
        if job.reasonToStop() != nil { return GIT_EUSER.rawValue }
        guard let progress, let now = statistics?.pointee else { return 0 }
        let isLast = now.indexed_objects == now.total_objects && now.indexed_deltas == now.total_deltas
        let instant = ContinuousClock.now
        if let lastReport, instant - lastReport < .milliseconds(100), !isLast { return 0 }
        lastReport = instant
        progress(
            FetchProgress(
                receivedObjects: Int(now.received_objects),
                totalObjects: Int(now.total_objects),
                resolvedDeltas: Int(now.indexed_deltas),
                totalDeltas: Int(now.total_deltas),
                receivedBytes: now.received_bytes
            )
        )
        return 0
    }
}

/// Strings in the form in which libgit2 takes lists of them, for the length of the body.
private func withCStrings<Result>(
    _ list: [String],
    _ body: (git_strarray) throws(GitError) -> Result
) throws(GitError) -> Result {
    let strings = UnsafeMutableBufferPointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: list.count)
    for (index, text) in list.enumerated() { strings.initializeElement(at: index, to: strdup(text)) }
    defer {
        for string in strings { free(string) }
        strings.deallocate()
    }
    return try body(git_strarray(strings: strings.baseAddress, count: strings.count))
}
