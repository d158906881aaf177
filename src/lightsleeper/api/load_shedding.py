"""Who comes while the queue is full is told so before the body is read, whatever the dialect. Pure ASGI.

What may wait, and whose, is `pipeline.admission`'s to say; here the client gets its name and the body its size.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Receive, Scope, Send

from lightsleeper.api.asgi import Response
from lightsleeper.api.client import client_of
from lightsleeper.api.guard import FREE_METHODS
from lightsleeper.errors import LightsleeperError, Overloaded
from lightsleeper.pipeline.admission import CLIENT

if TYPE_CHECKING:
    from lightsleeper.api.predict_request import Limits
    from lightsleeper.pipeline.admission import Admission

#: Of a number that is still a length: Python reads 5,000 digits in a time that a stranger should not be given.
_LENGTH_DIGITS = 18


class LoadShedding:
    """Behind the guard, which has said whose key it is."""

    def __init__(self, app: ASGIApp, refuse: Callable[[Scope, LightsleeperError], Response]) -> None:
        """Wrap `app`; the `admission` is in the lifespan's state."""
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "http" and scope["method"] not in FREE_METHODS:
            CLIENT.set(client_of(scope))
            try:
                _require_room(scope)
            except Overloaded as overloaded:
                await self._refuse(scope, overloaded)(scope, receive, send)
                return
        await self._app(scope, receive, send)


def _require_room(scope: Scope) -> None:
    admission: Admission = scope["state"]["admission"]
    limits: Limits = scope["state"]["limits"]
    size = declared_bytes(scope["headers"])
    if size <= limits.max_body_bytes:  # a larger one is refused for its size, unread as well
        admission.check(admission.expected_cost(size))


def declared_bytes(headers: Iterable[tuple[bytes, bytes]]) -> int:
    """Of the body; 0 where they are not declared."""
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) <= _LENGTH_DIGITS else 0
    return 0
