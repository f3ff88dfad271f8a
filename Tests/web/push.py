#!/usr/bin/env python3
"""Commits a change of the sample, pushes it, and sends the webhook that GitHub would send, signed.

    push.py WORK [--message TEXT] [--page TEXT]

WORK is a clone whose `origin` is fetched from the address that the pipeline names. The server's address and the
webhook's secret come from FAIRLEAD_URL and FAIRLEAD_WEBHOOK_SECRET. Prints the numbers of the runs that the push made.
"""
import argparse
import hashlib
import hmac
import json
import os
import subprocess
import urllib.request
import uuid

AUTHOR = {"name": "Ada Sample", "email": "ada@localhost"}


def git(work, *arguments):
    identity = ["-c", f"user.name={AUTHOR['name']}", "-c", f"user.email={AUTHOR['email']}", "-c", "safe.directory=*"]
    environment = os.environ | {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
    return subprocess.run(
        ["git", *identity, *arguments], cwd=work, env=environment, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def commit(work, message, page):
    """A commit on main with this text on its page, pushed. Returns the revision."""
    with open(os.path.join(work, "index.html"), "w") as file:
        file.write(page + "\n")
    git(work, "add", "--all")
    git(work, "commit", "-q", "--allow-empty", "-m", message)
    git(work, "push", "-q", "origin", "HEAD:refs/heads/main")
    return git(work, "rev-parse", "HEAD")


def payload(revision, message, url):
    """The part of GitHub's push payload that says what happened."""
    head = {"id": revision, "message": message, "timestamp": "2026-01-01T00:00:00Z", "author": AUTHOR}
    return {
        "ref": "refs/heads/main", "before": "0" * 40, "after": revision, "created": False, "deleted": False,
        "forced": False, "head_commit": head, "commits": [head], "pusher": AUTHOR,
        "repository": {
            "id": 1, "name": "sample", "full_name": "test/sample", "clone_url": url, "private": False,
            "default_branch": "main",
        },
    }


def deliver(body):
    """Sends a payload, signed, and returns the receipt."""
    text = json.dumps(body).encode()
    signature = hmac.new(os.environ["FAIRLEAD_WEBHOOK_SECRET"].encode(), text, hashlib.sha256).hexdigest()
    request = urllib.request.Request(os.environ["FAIRLEAD_URL"] + "/webhooks/github", data=text, headers={
        "Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    })
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def main():
    parser = argparse.ArgumentParser(description="Commits, pushes and announces a change of the sample.")
    parser.add_argument("work")
    parser.add_argument("--message")
    parser.add_argument("--page")
    asked = parser.parse_args()
    version = int(git(asked.work, "rev-list", "--count", "HEAD"))
    message = asked.message or f"Version {version}"
    revision = commit(asked.work, message, asked.page or f"Hello from version {version}.")
    receipt = deliver(payload(revision, message, git(asked.work, "config", "remote.origin.url")))
    print(*(run["id"] for run in receipt["runs"]))


if __name__ == "__main__":
    main()
