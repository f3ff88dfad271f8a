import Glibc

/// Prints a line and makes sure that it is seen now, also through a pipe.
func printNow(_ line: String) {
    print(line)
    fflush(nil)
}

/// Prints a line to standard error.
func printError(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
