"""Manifests as Kubernetes reads them: documents of YAML, held against strict JSON Schemas."""
import functools
import json
import pathlib
import re

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Loader(yaml.CSafeLoader):
    """YAML as Kubernetes reads it: YAML 1.1 has a type for a lone `=`, which nobody means."""


Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: node.value)


def documents(text, source):
    """The objects of a text, each with where it is from; split as Helm does it, which also takes `---# comment`."""
    found = []
    for part in re.split(r"(?:^|\s*\n)---\s*", text):
        document = yaml.load(part, Loader=Loader)
        if document is None:
            continue
        items = document["items"] if str(document.get("kind", "")).endswith("List") else [document]
        found += [Object(item, str(source)) for item in items]
    return found


def read(*paths):
    """The objects of files and folders of the repository."""
    found = []
    for path in paths:
        path = ROOT / path
        files = sorted(path.glob("*.y*ml")) if path.is_dir() else [path]
        for file in files:
            found += documents(file.read_text(), file.relative_to(ROOT))
    return found


class Object(dict):
    """One object, which knows where it is from."""

    def __init__(self, content, source):
        super().__init__(content)
        self.source = source

    kind = property(lambda self: self["kind"])
    name = property(lambda self: self["metadata"]["name"])
    namespace = property(lambda self: self["metadata"].get("namespace"))
    group = property(lambda self: self["apiVersion"].rpartition("/")[0])
    annotations = property(lambda self: self["metadata"].get("annotations") or {})
    labels = property(lambda self: self["metadata"].get("labels") or {})

    @property
    def pod(self):
        """The template of the pods that it makes; None if it makes none."""
        template = (self.get("spec") or {}).get("template")
        return template if isinstance(template, dict) and "containers" in template.get("spec", {}) else None

    def __str__(self):
        return f"{self.source}: {self.kind} {self.name}"


class Schemas:
    """The schemas of ../shared/contracts: of Kubernetes' own kinds and of the platform's."""

    # The same fields, of one namespace and of the cluster.
    SAME = {("cert-manager.io/v1", "Issuer"): ("cert-manager.io/v1", "ClusterIssuer")}

    def __init__(self, contracts):
        self.kubernetes = next((contracts / "kubernetes").glob("*-standalone-strict"))
        self.custom = contracts / "crds/json-schemas"

    @functools.cache
    def validator(self, version, kind):
        """None where there is no schema."""
        version, kind = self.SAME.get((version, kind), (version, kind))
        group, _, version = version.rpartition("/")
        core = "-".join(filter(None, [kind.lower(), group.split(".")[0], version])) + ".json"
        for file in [self.custom / group / f"{kind.lower()}_{version}.json", self.kubernetes / core]:
            if file.is_file():
                return jsonschema.Draft7Validator(json.loads(file.read_text()))
        return None

    def faults(self, object):
        """What is wrong with an object, a sentence each; None where nobody has a schema for it."""
        validator = self.validator(object["apiVersion"], object["kind"])
        if validator is None:
            return None
        content = dict(object)
        content["kind"] = self.SAME.get((object["apiVersion"], object["kind"]), (None, object["kind"]))[1]
        # As JSON, for a date or a number as key is no JSON.
        content = json.loads(json.dumps(content, default=str))
        return [f"{object}: {'.'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in validator.iter_errors(content)]
