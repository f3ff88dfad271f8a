"""Clone and fetch over http, each with a checkout of the same revision, beside git itself."""

import os
import shutil
import subprocess

from support import FAIRLEAD, ROUNDS, folder, git_environment, git_server, in_turn, line, median, sh, timed

COMMITS = 3000
FILES = 2000
NEW_COMMITS = 20


def fast_import(folder, first, count, parent):
    """Commits made without a work tree: each changes one of many files in nested folders."""
    stream = []
    for number in range(first, first + count):
        message = f"Commit {number}"
        stream.append(f"commit refs/heads/main\ncommitter b <b@localhost> {1700000000 + number * 60} +0000\n"
                      f"data {len(message)}\n{message}\n")
        if parent and number == first:
            stream.append(f"from {parent}\n")
        for index in (range(FILES) if number == 0 else [number % FILES, (number * 7) % FILES]):
            text = f"file {index} at commit {number}\n" + f"a line of text {index}\n" * (20 + index % 60)
            stream.append(f"M 100644 inline d{index % 40}/e{index % 7}/f{index}.txt\ndata {len(text)}\n{text}\n")
    subprocess.run(
        ["git", "-C", folder, "fast-import", "--quiet", "--force"], input="".join(stream).encode(), check=True)
    return sh("git", "-C", folder, "rev-parse", "refs/heads/main").strip()


def ours(url, revision, base):
    return float(sh(FAIRLEAD, "bench", "checkout", url, f"{base}/ours.git", f"{base}/ours", revision))


def cold(number, url, revision, base, environment):
    """Every round in folders of its own: deleting just before skews what the file system does next."""
    base = f"{base}/cold{number}"
    os.mkdir(base)
    return in_turn(
        number,
        lambda: ours(url, revision, base),
        lambda: timed(lambda: sh("git", "clone", "-q", url, f"{base}/theirs", env=environment)))


def warm(number, url, revision, base, environment):
    """The mirrors are copies of ones that lack the newest commits."""
    old, base = f"{base}/old", f"{base}/warm{number}"
    os.mkdir(base)
    shutil.copytree(f"{old}-ours.git", f"{base}/ours.git")
    shutil.copytree(f"{old}-theirs.git", f"{base}/theirs.git")
    os.mkdir(f"{base}/theirs")

    def theirs():
        sh("git", "-C", f"{base}/theirs.git", "fetch", "-q", "origin", "+refs/heads/main:refs/heads/main", env=environment)
        sh("git", f"--git-dir={base}/theirs.git", f"--work-tree={base}/theirs", "checkout", "-q", "-f", revision,
           "--", ".", env=dict(environment, GIT_INDEX_FILE=f"{base}/index"))

    return in_turn(number, lambda: ours(url, revision, base), lambda: timed(theirs))


def run():
    with folder() as base, git_server(base) as address:
        environment = git_environment(base)
        bare = f"{base}/www/big.git"
        sh("git", "init", "-q", "--bare", "-b", "main", bare, env=environment)
        first = fast_import(bare, 0, COMMITS, None)
        sh("git", "-C", bare, "repack", "-q", "-a", "-d", env=environment)
        url = f"{address}/big.git"
        colds = [cold(number, url, first, base, environment) for number in range(ROUNDS)]
        sh(FAIRLEAD, "bench", "checkout", url, f"{base}/old-ours.git", f"{base}/unused", first)
        sh("git", "clone", "-q", "--bare", url, f"{base}/old-theirs.git", env=environment)
        newest = fast_import(bare, COMMITS, NEW_COMMITS, first)
        warms = [warm(number, url, newest, base, environment) for number in range(ROUNDS)]
        line("clone_cold", median([pair[0] for pair in colds]), median([pair[1] for pair in colds]), "s")
        line("fetch_warm", median([pair[0] for pair in warms]), median([pair[1] for pair in warms]), "s")
