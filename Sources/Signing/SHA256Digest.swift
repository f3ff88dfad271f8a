import COpenSSL
import Glibc

/// SHA-256 (FIPS 180-4).
public enum SHA256Digest {
    static let byteCount = 32

    /// The digest: 32 bytes.
    public static func bytes(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { digest, count in
            let done = bytes.withUnsafeBufferPointer {
                EVP_Digest($0.baseAddress, $0.count, digest.baseAddress, nil, Algorithms.sha256, nil)
            }
            precondition(done == 1, "SHA-256 gave no result")
            count = byteCount
        }
    }

    /// The digest as 64 hexadecimal digits in lower case.
    public static func hex(_ bytes: [UInt8]) -> String {
        Hex.encode(self.bytes(bytes))
    }

    /// The digest of a file's content as 64 hexadecimal digits, read in pieces: the file may be larger than memory.
    ///
    /// Blocks on the disk: call it from a thread that may.
    /// - Throws: ``SigningError`` with code `file`.
    public static func hexOfFile(path: String) throws -> String {
        let file = try Descriptor.open(path, flags: O_RDONLY)
        defer { Glibc.close(file) }
        var hasher = Hasher()
        var piece = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = Glibc.read(file, &piece, piece.count)
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Descriptor.failure("read", path) }
            if count == 0 { return hasher.finalizeHex() }
            piece.withUnsafeBytes { hasher.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        }
    }

    /// SHA-256 of bytes that come in pieces. A value type: a copy goes on from where it was copied.
    public struct Hasher: Sendable {
        private var state = DigestState()

        public init() {}

        /// Adds bytes.
        public mutating func update(_ bytes: [UInt8]) {
            bytes.withUnsafeBytes { update($0) }
        }

        /// Adds bytes.
        public mutating func update(_ bytes: UnsafeRawBufferPointer) {
            if !isKnownUniquelyReferenced(&state) { state = DigestState(copying: state) }
            state.update(bytes)
        }

        /// The digest of all bytes so far: 32 bytes. More may be added afterwards.
        public func finalize() -> [UInt8] {
            DigestState(copying: state).finalize()
        }

        /// The digest of all bytes so far as 64 hexadecimal digits. More may be added afterwards.
        public func finalizeHex() -> String {
            Hex.encode(finalize())
        }
    }
}

/// One digest context of OpenSSL. Sendable because `Hasher` changes it only while it holds the one reference.
private final class DigestState: @unchecked Sendable {
    private let context: OpaquePointer

    init() {
        guard let context = EVP_MD_CTX_new(), EVP_DigestInit_ex2(context, Algorithms.sha256, nil) == 1 else {
            fatalError("SHA-256 context: out of memory")
        }
        self.context = context
    }

    init(copying other: DigestState) {
        guard let context = EVP_MD_CTX_new(), EVP_MD_CTX_copy_ex(context, other.context) == 1 else {
            fatalError("SHA-256 context: out of memory")
        }
        self.context = context
    }

    deinit { EVP_MD_CTX_free(context) }

    func update(_ bytes: UnsafeRawBufferPointer) {
        precondition(EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) == 1, "SHA-256 refused bytes")
    }

    func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256Digest.byteCount) { digest, count in
            let done = EVP_DigestFinal_ex(context, digest.baseAddress, nil)
            precondition(done == 1, "SHA-256 gave no result")
            count = SHA256Digest.byteCount
        }
    }
}
