"""Ends what the tests have started when they are gone before it, however they went: also by SIGKILL."""

import os
import signal
import subprocess
import sys
import threading

_lock, _watcher = threading.Lock(), None


def ends_with_us(process):
    """Sees to it that a Popen, with its process group if it leads one, is ended should this process be gone before it.
    Answers the Popen."""
    global _watcher
    with _lock:
        if _watcher is None:
            _watcher = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, start_new_session=True)
        _watcher.stdin.write(b"%d\n" % process.pid)
        _watcher.stdin.flush()
    return process


def watch():
    """Notes the processes whose ids come in, and ends them once nobody is at the other end of the pipe."""
    held = {}
    for line in sys.stdin:
        try:
            held[int(line)] = os.pidfd_open(int(line))
        except ProcessLookupError:
            pass
    for process, descriptor in held.items():
        try:
            # By the descriptor first: the number may be another's by now.
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
            if os.getpgid(process) == process:
                os.killpg(process, signal.SIGTERM)
        except ProcessLookupError:
            pass


if __name__ == "__main__":
    watch()
