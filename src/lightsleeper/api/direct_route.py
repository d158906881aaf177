"""Straight from Starlette's router to the endpoint; otherwise as FastAPI's route, whose name is in the metrics.

What FastAPI does between router and endpoint (dependencies, exit stacks, a second response) costs as much as a whole
answer from memory.
"""

from starlette.requests import Request
from starlette.routing import Match, Route
from starlette.types import Scope


class DirectRoute(Route):
    """A route that needs nothing of FastAPI. Whoever may GET it may HEAD it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """See `Route.matches`."""
        match, child_scope = super().matches(scope)
        child_scope["route"] = self
        return match, child_scope


def methods_at(request: Request) -> str:
    """What may be done at the path of this request, as `Allow` lists it: several routes may share a path."""
    there = [route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE]
    path = getattr(there[0], "path", None) if there else None  # the first is the closest
    same = [route for route in there if getattr(route, "path", None) == path]
    return ", ".join(sorted({method for route in same for method in getattr(route, "methods", None) or ()}))
