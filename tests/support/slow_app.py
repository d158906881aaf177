"""An application whose answer waits for a test."""

import asyncio
import threading
from typing import Any

from starlette.types import Receive, Scope, Send


class SlowApp:
    """Answers `?slow` when it is told to."""

    def __init__(self, app: Any) -> None:  # noqa: ANN401  # an ASGI application
        self._app = app
        self.asked = threading.Semaphore(0)
        self.may_answer = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["query_string"] == b"slow":
            self.asked.release()
            await asyncio.to_thread(self.may_answer.wait)
        await self._app(scope, receive, send)
