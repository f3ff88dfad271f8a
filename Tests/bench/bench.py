"""The benches; see `run` beside this file."""

import sys

import accept
import builds
import cluster
import history
import idle
import repository
import road

BENCHES = {
    "accept": accept.run, "git": repository.run, "run": road.run, "cluster": cluster.run, "history": history.run,
    "builds": builds.run, "idle": idle.run}


def main():
    chosen = sys.argv[1:] or list(BENCHES)
    for name in chosen:
        if name not in BENCHES:
            raise SystemExit(f"bench: there is no {name}; there are {', '.join(BENCHES)}")
    for name in chosen:
        BENCHES[name]()


main()
