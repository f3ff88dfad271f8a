"""Compares every request and answer with the public API description, so that the mock cannot drift from the API."""
import json
import re

from openapi_schema_validator import OAS30ReadValidator, OAS30WriteValidator, oas30_format_checker

DESCRIPTION = "digitalocean/digitalocean.mock.openapi.json"

# Where Terraform's provider, and so the API itself, is not as described: an autoscaled pool needs no count, and the
# duration of a maintenance window is sent empty.
FORGIVEN = re.compile(r"request node_pools/\d+: 'count' is a required property"
                      r"|request maintenance_policy/duration: Tried to write read-only property")


class Contract:
    """The description in a folder of contracts. What it does not describe (networks, volumes) is not compared."""

    def __init__(self, folder):
        with open(f"{folder}/{DESCRIPTION}") as file:
            self.document = json.load(file)
        self.operations = []
        # A path with fewer variables goes first: /projects/default is no project's id.
        for path in sorted(self.document["paths"], key=lambda path: path.count("{")):
            pattern = re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path))
            self.operations.append((pattern, path, self.document["paths"][path]))

    def request_faults(self, method, path, query, body):
        """What in a request is not as described; empty if nothing is, or if the path is not described."""
        name, operations = self._described(path)
        if name is None:
            return []
        if method.lower() not in operations:
            return [f"{method} {name} is not described"]
        found = self._request(operations[method.lower()], operations, query, body)
        return [f"{method} {path}: {fault}" for fault in found if not FORGIVEN.match(fault)]

    def answer_faults(self, method, path, status, answer):
        """The same of an answer."""
        name, operations = self._described(path)
        if name is None or method.lower() not in operations:
            return []
        return [f"{method} {path}: {fault}" for fault in self._answer(operations[method.lower()], status, answer)]

    def _described(self, path):
        return next(((name, operations) for pattern, name, operations in self.operations if pattern.fullmatch(path)),
                    (None, None))

    def _request(self, operation, operations, query, body):
        parameters = [self._resolve(one) for one in operation.get("parameters", []) + operations.get("parameters", [])]
        known = {one["name"] for one in parameters if one["in"] == "query"}
        faults = [f"no such query parameter: {name}" for name in query if name not in known]
        wanted = self._resolve(operation.get("requestBody", {})).get("content", {}).get("application/json")
        if wanted and body is not None:
            faults += self._compare(wanted["schema"], body, "request", write=True)
        elif body is not None and not wanted:
            faults.append("no body is described")
        return faults

    def _answer(self, operation, status, answer):
        responses = operation["responses"]
        response = responses.get(str(status)) or (responses.get("default") if status >= 400 else None)
        if response is None:
            # The description names few of the refusals; all have one shape.
            return [] if status >= 400 else [f"status {status} is not described"]
        content = self._resolve(response).get("content", {}).get("application/json")
        if content is None:
            return ["an answer without a body is described"] if isinstance(answer, (dict, list)) else []
        return self._compare(content["schema"], answer, "answer", write=False)

    def _resolve(self, node):
        while "$ref" in node:
            found = self.document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/")]
            node = found
        return node

    def _compare(self, schema, value, what, write):
        whole = {"allOf": [schema], "components": self.document["components"]}
        kind = OAS30WriteValidator if write else OAS30ReadValidator
        validator = kind(whole, format_checker=oas30_format_checker)
        return [f"{what} {'/'.join(map(str, error.absolute_path)) or '(whole)'}: {error.message[:300]}"
                for error in validator.iter_errors(value)]
