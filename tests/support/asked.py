"""One request to an ASGI application in this process, past any server."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Scope


async def status_of(
    app: ASGIApp, state: Mapping[str, Any], path: str, body: bytes, *, headers: Mapping[str, str], client: str
) -> int:
    """The status of its answer to a POST from a client that stays until then."""
    statuses: list[int] = []
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not whole:
            await asyncio.Event().wait()  # the client stays
        return whole.pop()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope: Scope = {
        **dict.fromkeys(("query_string", "raw_path"), b""),
        "type": "http",
        "method": "POST",
        "path": path,
        "scheme": "http",
        "client": (client, 1),
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "test", **headers}.items()],
        "state": dict(state),
    }
    await app(scope, receive, send)
    return statuses[0]
