"""Resident memory of a server that waits."""

import time

from accept import announced, ours, peer
from support import ROUNDS, folder, free_port, line, listens, median, resident_mb, wait_for


def run():
    mine, other = [], []
    for _ in range(ROUNDS):
        with folder() as base, ours(base, "serve") as process:
            announced(base)
            time.sleep(2)
            mine.append(resident_mb(process.pid))
        port = free_port()
        with folder() as base, peer(base, port) as process:
            wait_for("webhook", lambda: listens(port))
            time.sleep(2)
            other.append(resident_mb(process.pid))
    line("idle_rss_mb", median(mine), median(other), "MB")
