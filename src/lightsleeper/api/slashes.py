"""A slash too many or too few at the end of a path leads to the path that there is.

Starlette does that, too, but takes the host from the `Host` header, which callers choose, and forgets the path that a
proxy has cut off.
"""

from starlette.requests import Request
from starlette.routing import Match


def other_slash(request: Request) -> str | None:
    """Where the same path with or without its last slash leads, if a route has it: a path below the root, no host."""
    path: str = request.scope["path"]
    other = path.rstrip("/") if path.endswith("/") else f"{path}/"
    # To a browser, a second slash at the start begins another host's name.
    if not other or other.startswith("//"):
        return None
    scope = {**request.scope, "path": other}
    if all(route.matches(scope)[0] is Match.NONE for route in request.app.router.routes):
        return None
    root: str = request.scope.get("root_path", "")
    below_root = other if other.startswith(f"{root}/") else root + other
    query = request.scope["query_string"].decode("latin-1")
    return f"{below_root}?{query}" if query else below_root
