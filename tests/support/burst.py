"""A burst of requests, each of which knows whether the service had accepted it before it was left without an answer."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

WORDS = ("a", "dull", "bright", "slow", "tender", "film", "that", "never", "quite", "wakes", "but", "lingers", "long")

#: In flight at any moment.
CLIENTS = 24


def unique_text(dice: random.Random, words: int) -> str:
    """Never the same twice: the cache must not do the engine's work."""
    return f"{dice.random():.12f} " + " ".join(dice.choices(WORDS, k=words))


@dataclass
class Tally:
    """What became of a burst's requests."""

    answered: int = 0
    #: Set by the first answer.
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    #: The service said `100 Continue` and then did not answer.
    lost: list[str] = field(default_factory=list)
    #: Refused or closed before the service had said that it took the request.
    never_accepted: int = 0


async def ask(port: int, body: bytes, tally: Tally) -> None:
    """One request that waits for `100 Continue`: from that line on, the service has accepted it and owes an answer."""
    head = (
        f"POST /predict HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Expect: 100-continue\r\nConnection: close\r\n\r\n"
    )
    accepted = False
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(head.encode())
            accepted = (await reader.readline()).startswith(b"HTTP/1.1 100")
            if not accepted:
                tally.never_accepted += 1
                return
            await reader.readline()
            writer.write(body)
            answer = await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        if answer.startswith(b"HTTP/1.1 200") and b'"predictions"' in answer:
            tally.answered += 1
            tally.begun.set()
        else:
            tally.lost.append(answer[:200].decode(errors="replace"))
    except OSError as error:
        if accepted:
            tally.lost.append(str(error))
        else:
            tally.never_accepted += 1


@asynccontextmanager
async def burst(port: int, dice: random.Random, tally: Tally, *, words: int = 40) -> AsyncIterator[None]:
    """Keep `CLIENTS` requests in flight; leaving waits until each has its fate."""
    over = asyncio.Event()

    async def client() -> None:
        while not over.is_set():
            body = json.dumps({"text": [unique_text(dice, words) for _ in range(4)]}).encode()
            missed = tally.never_accepted
            await ask(port, body, tally)
            if tally.never_accepted > missed:
                return

    clients = [asyncio.create_task(client()) for _ in range(CLIENTS)]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*clients)
