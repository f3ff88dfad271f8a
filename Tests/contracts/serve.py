"""The public API descriptions as servers on loopback: every request is validated, and answered with an example.

Usage: serve.py FOLDER. Prints one line of JSON with the address of each API, and serves until its standard input ends.
"""

import asyncio
import json
import os
import socket
import sys
import tempfile
import threading

import connexion
import connexion.options
import uvicorn
from connexion.mock import MockResolver
from connexion.resolver import Resolver

DIGITALOCEAN = "digitalocean/digitalocean.mock.openapi.json"
GITHUB = "github-rest/api.github.com.openapi.json"


DELIVERY = {"id": 9, "guid": "g", "delivered_at": "2026-07-01T09:30:00Z", "redelivery": False, "status_code": 502,
            "event": "push"}


class GitHubAnswers(Resolver):
    """GitHub's description has no examples: what the answers must hold for a client is written here."""

    ANSWERS = {
        "repos/create-commit-status": ({"id": 1, "state": "success"}, 201),
        "repos/create-deployment": ({"id": 42}, 201),
        "repos/create-deployment-status": ({"id": 7, "state": "success"}, 201),
        "apps/create-installation-access-token": ({"token": "ghs_example", "expires_at": "2099-01-01T00:00:00Z"}, 201),
        "apps/get-repo-installation": ({"id": 99}, 200),
        "repos/list-webhooks": ([{"id": 3, "active": True, "config": {"url": "https://d.example/webhooks/github"}}], 200),
        "repos/list-webhook-deliveries": ([DELIVERY], 200),
        "repos/redeliver-webhook-delivery": ({}, 202),
        "apps/list-webhook-deliveries": ([DELIVERY], 200),
        "apps/redeliver-webhook-delivery": ({}, 202),
        "repos/get": ({"id": 1, "full_name": "acme/web"}, 200),
    }

    def resolve_operation_id(self, operation):
        return operation.operation_id

    def resolve_function_from_operation_id(self, operation_id):
        answer = self.ANSWERS.get(operation_id, ({}, 200))
        # Some operations are described with further kinds of answers, for scim.
        return lambda *_, **__: (*answer, {"Content-Type": "application/json"})


def accept_any_token(token):
    return {"sub": token, "scope": None}


def digitalocean(folder):
    with open(f"{folder}/{DIGITALOCEAN}") as file:
        description = json.load(file)
    description["components"]["securitySchemes"]["bearer_auth"]["x-bearerInfoFunc"] = "serve.accept_any_token"
    # Two media types, which a mock cannot choose from; …/credentials says the same as JSON.
    description["paths"].pop("/v2/kubernetes/clusters/{cluster_id}/kubeconfig")
    for operations in description["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "security" in operation:
                operation["security"] = [{"bearer_auth": []}]
    return description, MockResolver(mock_all=True)


def github(folder):
    with open(f"{folder}/{GITHUB}") as file:
        description = json.load(file)
    # Deployments go to environments of any name; the description knows only the three of its example.
    text = json.dumps(description)
    description = json.loads(text)
    body = description["paths"]["/repos/{owner}/{repo}/deployments/{deployment_id}/statuses"]["post"]["requestBody"]
    for media in body["content"].values():
        media["schema"]["properties"]["environment"].pop("enum", None)
    return description, GitHubAnswers()


def application(description, resolver):
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(description, file)
    options = connexion.options.SwaggerUIOptions(swagger_ui=False)
    app = connexion.FlaskApp("serve", specification_dir=os.path.dirname(file.name), swagger_ui_options=options)
    app.add_api(os.path.basename(file.name), resolver=resolver, strict_validation=True, validate_responses=False)
    os.unlink(file.name)
    return app


def serve(app):
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="on"))
    threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True).start()
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def main(folder):
    sys.modules["serve"] = sys.modules["__main__"]
    addresses = {name: serve(application(*make(folder)))
                 for name, make in [("digitalocean", digitalocean), ("github", github)]}
    print(json.dumps(addresses), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1])
