"""A route that needs no framework: from the path straight to the endpoint, the same before FastAPI is there and after.

What FastAPI does between router and endpoint (dependencies, exit stacks, a second response) costs as much as a whole
answer from memory.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from functools import cached_property

from starlette.types import Receive, Scope, Send

from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.identify import path_below_root
from lightsleeper.api.refusals import refuse
from lightsleeper.errors import EngineFailed, LightsleeperError, forget_frames

log = logging.getLogger("lightsleeper")

Endpoint = Callable[[Request], Awaitable[Response]]

_PARAMETER = re.compile(r"\\\{(\w+)(:path)?\\\}")


class DirectRoute:
    """One path and what answers there; an ASGI application. Whoever may GET it may HEAD it."""

    def __init__(self, path: str, endpoint: Endpoint, methods: Iterable[str] = ("GET",), name: str = "") -> None:
        """`path` may hold `{name}`, which is anything but a slash, and `{name:path}`, which is anything."""
        self.path = path
        self.endpoint = endpoint
        self.name = name or endpoint.__name__
        self.methods = frozenset(methods) | ({"HEAD"} if "GET" in methods else set())
        #: What may be done at its path, as `Allow` lists it; see `know_each_other`.
        self.allow = ""
        #: Whether verbs follow it: `:predict` is no part of the name before it, nor is `:explain`, which no route has;
        #: see `know_each_other`.
        self.has_verbs = False
        #: What the metrics call it.
        self.path_format = path.replace(":path}", "}")

    def takes(self, scope: Scope) -> bool:
        """Whether this request is for it; then its path's parameters are in the scope."""
        if scope["method"] not in self.methods:
            return False
        path = path_below_root(scope)
        if "{" not in self.path:
            return path == self.path
        found = None if self.ends_before(path) else self._pattern.fullmatch(path)
        if found:
            scope["path_params"] = found.groupdict()
        return found is not None

    def ends_before(self, path: str) -> bool:
        """Whether `path` goes on with a verb, and so is another route's or none's."""
        return self.has_verbs and ":" in path.rpartition("/")[2]

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """Compiled at the first request that gets here: those of all routes are 5 ms of a wake."""
        path = re.escape(self.path)
        return re.compile(_PARAMETER.sub(lambda found: f"(?P<{found[1]}>{'.*' if found[2] else '[^/]+'})", path))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI. Errors of ours are answered in the one shape of the request's dialect; others are bugs and pass."""
        scope["route"] = self
        try:
            response = await self.endpoint(Request(scope, receive))
        except LightsleeperError as error:
            response = answer_to(scope, error)
            forget_frames(error)
        await response(scope, receive, send)


def know_each_other(routes: list[DirectRoute]) -> list[DirectRoute]:
    """The same, after each was told what may be done at its path by any of them, and whether verbs follow it."""
    for route in routes:
        there = [other.methods for other in routes if other.path == route.path]
        route.allow = ", ".join(sorted(frozenset().union(*there)))
        route.has_verbs = any(other.path.startswith(f"{route.path}:") for other in routes)
    return routes


def answer_to(scope: Scope, error: LightsleeperError) -> Response:
    """What an endpoint's error is answered with; the cause of a failed inference is logged, it is no caller's."""
    if isinstance(error, EngineFailed):
        log.error("inference failed", exc_info=error.__cause__)
    return refuse(scope, error)
