"""One measurement per HTTP request, in pure ASGI: the stock FastAPI instrumentation costs 70 % of throughput."""

import time
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

if TYPE_CHECKING:
    from lightsleeper.telemetry.metrics import Metrics

#: Where a response to an error leaves our code for this middleware.
ERROR_CODE = "lightsleeper.error_code"

#: Where a request for answers is noted to speak somebody's dialect, for this middleware.
DIALECT = "lightsleeper.dialect"


def route_of(scope: Scope) -> str | None:
    """The template of the path, once a route was found for it; None where there is no such path."""
    return getattr(scope.get("route"), "path_format", None)


class NotingStatus:
    """A `send` that notes the status it sends; until then it is what the server makes of an exception."""

    def __init__(self, send: Send) -> None:
        """Sends with `send`."""
        self._send = send
        self.status = 500

    async def __call__(self, message: Message) -> None:
        """See ASGI."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


class RequestMetrics:
    """Reports every request to the `metrics` of the lifespan's state."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See the ASGI specification."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        metrics: Metrics = scope["state"]["metrics"]
        noting = NotingStatus(send)
        started_s = time.perf_counter()
        metrics.request_began()
        try:
            await self._app(scope, receive, noting)
        except Exception:
            scope[ERROR_CODE] = "internal"  # answered outside of this middleware, by Starlette's
            raise
        finally:
            metrics.request_ended(
                scope["method"],
                scope["scheme"],
                noting.status,
                route_of(scope),
                error=scope.get(ERROR_CODE),
                dialect=scope.get(DIALECT),
                duration_s=time.perf_counter() - started_s,
            )
