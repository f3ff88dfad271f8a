"""What tests start does not outlive them, also where they are killed."""

import os
import pathlib
import signal
import subprocess
import sys

from world import end_hard, eventually, session

HERE = pathlib.Path(__file__).resolve().parent
STARTS = """
import subprocess
from ending import ends_with_us
alone = ends_with_us(subprocess.Popen(["sleep", "1000"]))
leader = ends_with_us(subprocess.Popen(["sh", "-c", "sleep 1000 & wait"], start_new_session=True))
print(alone.pid, leader.pid, flush=True)
leader.wait()
"""


def test_what_a_killed_test_has_started_is_ended():
    test = subprocess.Popen([sys.executable, "-c", STARTS], cwd=HERE, stdout=subprocess.PIPE, text=True)
    alone, leader = map(int, test.stdout.readline().split())
    test.stdout.close()
    try:
        assert eventually(lambda: len(session(leader)) == 2, 60)
        assert os.path.exists(f"/proc/{alone}")
        os.kill(test.pid, signal.SIGKILL)
        test.wait()
        assert eventually(lambda: not session(leader) and not os.path.exists(f"/proc/{alone}"), 60)
    finally:
        for process in [alone, *session(leader)]:
            end_hard(process)
