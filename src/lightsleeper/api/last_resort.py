"""Answers where no route can: what the server could not read, what a bug left open, what the end of a drain cut off."""

import asyncio
import logging

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightsleeper.api.refusals import refuse
from lightsleeper.errors import LightsleeperError, ShuttingDown

log = logging.getLogger("lightsleeper")

#: Where the server leaves the error of a request that it could not read: it is answered like any other.
REFUSED = "lightsleeper.refused"


class LastResort:
    """Around the guard and the routes, inside of what adds headers: these refusals carry them, too."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        refused: LightsleeperError | None = scope.get(REFUSED)
        try:
            if refused is None:
                await self._app(scope, receive, send_noting_start)
                return
            response = refuse(scope, refused)
        except Exception as error:
            if started:  # the server ends the connection: nobody must take half an answer for a whole one
                raise
            log.exception("a bug: %s", type(error).__name__)
            response = refuse(scope, LightsleeperError("internal error", code="internal"))
        except asyncio.CancelledError:  # uvicorn's, once a drain took too long
            if started:
                raise
            response = refuse(scope, ShuttingDown("the service ended before the answer was ready", retry_after_s=1))
            response.headers["connection"] = "close"
        await response(scope, receive, send)
