"""Reads PromQL and finds what would silently match nothing: metrics, labels and values that nobody exports."""

import functools
import pathlib
import re
from dataclasses import dataclass, field

import promql_parser
import yaml

HISTOGRAM = ("_bucket", "_sum", "_count")


@dataclass
class Metric:
    """A metric that exists: its type, and its labels with their values, or None where those are open."""

    kind: str
    labels: dict = field(default_factory=dict)


class Catalogue:
    """The metrics that exist, as metrics.yaml lists them."""

    def __init__(self, path=pathlib.Path(__file__).with_name("metrics.yaml")):
        document = yaml.safe_load(path.read_text())
        self.target = set(document["target"])
        self.series = {}
        self.of_program = {}
        for source in document["sources"]:
            for name, text in source["metrics"].items():
                kind, *labels = text.split()
                pairs = (label.partition("=") for label in labels)
                metric = Metric(kind, {label: set(values.split("|")) if values else None for label, _, values in pairs})
                for program in source.get("programs", []):
                    self.of_program.setdefault(program, {})[name] = metric
                if kind != "histogram":
                    self.series[name] = metric
                    continue
                for suffix in HISTOGRAM:
                    extra = {"le": None} if suffix == "_bucket" else {}
                    self.series[name + suffix] = Metric("counter", metric.labels | extra)


@functools.cache
def catalogue():
    return Catalogue()


def children(node):
    """The expressions directly inside of one."""
    inner = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "param", "vector_selector")]
    return [child for child in inner if child is not None] + list(getattr(node, "args", None) or [])


def walk(node):
    yield node
    for child in children(node):
        yield from walk(child)


def selectors(node):
    return [inner for inner in walk(node) if isinstance(inner, promql_parser.VectorSelector)]


def names(expression):
    """The metrics that an expression asks for."""
    return {selector.name for selector in selectors(promql_parser.parse(expression))}


def known_labels(node):
    """Every label that a series below this expression can have."""
    found = set()
    for selector in selectors(node):
        metric = catalogue().series.get(selector.name)
        found |= catalogue().target | set(metric.labels if metric else {})
    for inner in walk(node):
        if isinstance(inner, promql_parser.Call) and inner.func.name == "label_replace":
            found.add(inner.args[1].val)
        if isinstance(inner, promql_parser.AggregateExpr) and str(inner.op) == "count_values":
            found.add(inner.param.val)
    return found


def result_labels(node):
    """The labels that a result can have."""
    if isinstance(node, (promql_parser.ParenExpr, promql_parser.UnaryExpr)):
        return result_labels(node.expr)
    if isinstance(node, promql_parser.AggregateExpr):
        made = {node.param.val} if str(node.op) == "count_values" else set()
        if node.modifier is None:
            return made
        named = set(node.modifier.labels)
        return made | (named if "By" in str(node.modifier.type) else known_labels(node.expr) - named)
    if isinstance(node, promql_parser.BinaryExpr):
        return result_labels(node.lhs) or result_labels(node.rhs)
    if isinstance(node, promql_parser.Call) and node.func.name == "histogram_quantile":
        return result_labels(node.args[1]) - {"le"}
    return known_labels(node)


def selector_faults(selector):
    metric = catalogue().series.get(selector.name)
    if metric is None:
        return [f"nobody exports {selector.name}"]
    faults = []
    for matcher in selector.matchers.matchers:
        if matcher.name not in catalogue().target | set(metric.labels):
            faults.append(f"{selector.name} has no label {matcher.name}")
            continue
        values = metric.labels.get(matcher.name)
        if values is None:
            continue
        pattern = (
            matcher.value
            if matcher.op in (promql_parser.MatchOp.Re, promql_parser.MatchOp.NotRe)
            else re.escape(matcher.value)
        )
        if not any(re.fullmatch(pattern, value) for value in values):
            faults.append(f"{matcher.name} of {selector.name} is never {matcher.value}")
    return faults


def call_faults(call):
    wanted = {"rate": "counter", "irate": "counter", "increase": "counter", "delta": "gauge", "deriv": "gauge"}.get(
        call.func.name
    )
    faults = []
    for selector in selectors(call) if wanted else []:
        metric = catalogue().series.get(selector.name)
        if metric and metric.kind != wanted:
            faults.append(f"{call.func.name} of {selector.name}, which is a {metric.kind}")
    if call.func.name == "histogram_quantile":
        if "le" not in result_labels(call.args[1]) or not all(s.name.endswith("_bucket") for s in selectors(call)):
            faults.append("histogram_quantile of what are no buckets by le")
    return faults


def grouping_faults(node):
    """Labels to group or match by that no series has."""
    if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
        unknown = set(node.modifier.labels) - known_labels(node.expr)
    elif (
        isinstance(node, promql_parser.BinaryExpr) and node.modifier is not None and node.modifier.matching is not None
    ):
        named = set(node.modifier.matching.labels)
        unknown = named - (known_labels(node.lhs) & known_labels(node.rhs))
    else:
        return []
    return [f"no series has the label {label} to group or match by" for label in sorted(unknown)]


def faults(expression):
    """What is wrong with an expression, in sentences; nothing, if it can match what exists."""
    found = []
    for node in walk(promql_parser.parse(expression)):
        if isinstance(node, promql_parser.VectorSelector):
            found += selector_faults(node)
        elif isinstance(node, promql_parser.Call):
            found += call_faults(node)
        found += grouping_faults(node)
    return found
