"""Which function answers which path."""
import re
import urllib.parse

ROUTES = []


def route(method, path):
    def register(function):
        pattern = re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
        ROUTES.append((method, pattern, function))
        return function
    return register


def find(method, path):
    """The function for a path with its arguments; a path without variables goes before one with some."""
    found = [(pattern.groups, function, match.groupdict()) for known, pattern, function in ROUTES
             if known == method and (match := pattern.fullmatch(path))]
    if not found:
        return None, None
    _, function, names = min(found, key=lambda one: one[0])
    return function, {name: urllib.parse.unquote(value) for name, value in names.items()}


def paged(request, key, items):
    """A page of a list as the API cuts it: 20 items unless told otherwise, at most 200."""
    size = min(max(int(request.query.get("per_page", 20)), 1), 200)
    page = max(int(request.query.get("page", 1)), 1)
    last = max((len(items) + size - 1) // size, 1)
    links = {}
    if page < last:
        address = f"{request.address}{request.path}"
        links = {"pages": {"next": f"{address}?page={page + 1}&per_page={size}",
                           "last": f"{address}?page={last}&per_page={size}"}}
    return 200, {key: items[(page - 1) * size:page * size], "links": links, "meta": {"total": len(items)}}
