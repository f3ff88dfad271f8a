"""What Fairlead's pipelines apply, rendered as it renders it: real Helm, real kustomize.

Charts that others publish are read from the folder FAIRLEAD_CHARTS, as archives by the last part of their addresses or
unpacked by the charts' names; nothing is fetched.
"""
import functools
import os
import pathlib
import re
import subprocess

import helm_python
import yaml

from manifests import ROOT, Object, documents, read


class NoChart(Exception):
    """A chart that is not on this machine."""


def pipelines():
    """Every pipeline of the stack by name, in the order in which they are run first."""
    order = (ROOT / "pipelines/stack/order").read_text().split()
    return {name: yaml.safe_load((ROOT / f"pipelines/stack/{name}.yaml").read_text()) for name in order}


def merged(below, above):
    """Values as Helm lays files over each other: maps are merged, everything else is replaced."""
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return result


def values(helm):
    result = {}
    for file in helm.get("values", []):
        result = merged(result, yaml.safe_load((ROOT / file).read_text()) or {})
    for path, value in helm.get("set", {}).items():
        for key in reversed(path.split(".")):
            value = {key: value}
        result = merged(result, value)
    return result


def chart_path(chart):
    """Where a chart is: in the repository, or as an archive of FAIRLEAD_CHARTS."""
    if not chart.startswith("https://"):
        return ROOT / chart
    folder = os.environ.get("FAIRLEAD_CHARTS")
    archive = chart.rpartition("/")[2]
    name = re.sub(r"(-helm-3-chart)?-v?\d+\.\d+.*$", "", archive)
    for candidate in [archive, name]:
        if folder and (path := pathlib.Path(folder) / candidate).exists():
            return path
    raise NoChart(f"{archive} is not in FAIRLEAD_CHARTS")


def helm(chart, values, release, namespace):
    """The objects of a chart. Hooks are left out, as Fairlead does."""
    with helm_python.Chart.load(str(chart)) as loaded:
        texts = {crd["filename"]: crd["data"] for crd in loaded.crds}
        texts |= loaded.render(values, name=release, namespace=namespace)
        name = loaded.name
    objects = []
    for path, text in sorted(texts.items()):
        if not path.endswith("NOTES.txt"):
            objects += documents(text, path if path.startswith(name) else f"{name}/{path}")
    return [object for object in objects if "helm.sh/hook" not in object.annotations]


def kustomize(folder, *options):
    built = subprocess.run(["kubectl", "kustomize", *options, str(ROOT / folder)], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return documents(built.stdout, f"kubectl kustomize {folder}")


@functools.cache
def _render(name, own):
    pipeline = pipelines()[name]
    deploy = pipeline["deploy"]
    chart = deploy.get("helm", {})
    if chart:
        objects = [] if own and chart["chart"].startswith("https://") else helm(
            chart_path(chart["chart"]), values(chart), chart.get("release", name), deploy["namespace"])
        objects += read(*chart.get("manifests", []))
        if "kustomize" in chart and all_there(chart["kustomize"]):
            objects += kustomize(chart["kustomize"])
    elif "kustomize" in deploy:
        objects = kustomize(deploy["kustomize"])
    else:
        objects = read(*deploy["manifests"])
    if "secrets" in pipeline:
        data = {key: "" for key in pipeline["secrets"]}
        objects.append(Object({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": f"{name}-secrets"}, "data": data},
                              f"secrets of {name}"))
    return objects


def all_there(folder):
    """Whether everything that a kustomization names is in this tree: alerts and dashboards have tests of their own."""
    kustomization = yaml.safe_load((ROOT / folder / "kustomization.yaml").read_text())
    return all((ROOT / folder / resource).exists() for resource in kustomization["resources"])


def render(name):
    """What a pipeline applies.

    Raises NoChart.
    """
    return list(_render(name, False))


def own(name):
    """What of it is written in this repository."""
    return list(_render(name, True))


def stack(only_own=False):
    """(namespace, object) of everything that all pipelines apply.

    Raises NoChart unless only what is written in this repository is asked for.
    """
    return [(pipeline["deploy"]["namespace"], object) for name, pipeline in pipelines().items()
            for object in (own(name) if only_own else render(name))]
