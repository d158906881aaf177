"""Whoever shares a proxy's connections with an attacker gets the answer to the own text, and no other."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx2
import pytest

from front_proxies import PROXIES, proxied
from service import Service
from wire import chunked, request, sized

Report = Callable[[str], None]

#: 10,000 in all.
VICTIMS_EACH = 2_500
VICTIMS_AT_ONCE = 16
ATTACKERS = 4
TEXTS = [
    f"{word} {thing} number {number}."
    for word in ("Dull", "Bright")
    for thing in ("film", "play")
    for number in range(25)
]

#: What an attacker wants others to receive.
LOOT = json.dumps({"text": "the words of an attacker"}).encode()
SMUGGLED = request(headers=sized(LOOT), body=LOOT)

CARRIERS = [("POST", "/predict"), ("GET", "/livez"), ("POST", "/nowhere"), ("OPTIONS", "/predict")]
ASKED = ["Connection: Upgrade\nUpgrade: h2c\n", "Connection: Upgrade\nUpgrade: websocket\n", "Upgrade: h2c\n", ""]
#: The empty lines keep the parser busy until the victim's request has taken its place on the proxy's connection.
PADDING = [b"\r\n" * 150_000, b"", b"\n"]
#: What ends a connection that the proxy keeps for the next caller, if anybody heeds it.
TRAILERS = [b"Connection: close", b"Proxy-Connection: close", b"connection: x, close"]


def attacks() -> Iterator[list[bytes]]:
    """Every carrier with every trailer, then with every upgrade, framing and padding, in packets."""
    for carrier, trailer in itertools.product(CARRIERS, TRAILERS):
        ended = chunked(LOOT)[:-2] + trailer + b"\r\n\r\n"
        yield [request(*carrier, headers="Transfer-Encoding: chunked", body=ended)]
    for carrier, asked, padding in itertools.product(CARRIERS, ASKED, PADDING):
        body = padding + SMUGGLED * 3
        yield [request(*carrier, headers=asked + sized(body)), body]
        yield [request(*carrier, headers=f"{asked}Transfer-Encoding: chunked"), chunked(body, 65_536)]
        yield [request(*carrier, headers=f"{asked}Content-Length: {'0' * 100}"), body]
        yield [request(*carrier, headers=f"{asked}{sized(body)}\nTransfer-Encoding: chunked"), b"0\r\n\r\n" + body]
        yield [request(*carrier, headers=f"{asked}Transfer-Encoding: gzip, chunked"), chunked(body, 65_536)]


async def attack(port: int, packets: list[bytes]) -> None:
    """Send it and wait for an answer, or for a while: what comes back is not looked at."""
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.timeout(1):
                for packet in packets:
                    writer.write(packet)
                    await writer.drain()
                await reader.read(65_536)
        finally:
            writer.close()


async def attack_until(over: asyncio.Event, port: int, tally: Counter[str]) -> None:
    for packets in itertools.cycle(attacks()):
        if over.is_set():
            return
        await attack(port, packets)
        tally["attacks"] += 1


async def be_victims(
    client: httpx2.AsyncClient, texts: Iterator[str], right: dict[str, Any], tally: Counter[str]
) -> None:
    for text in texts:
        answer = await client.post("/predict", json={"text": text})
        if answer.status_code != 200:
            tally["failed"] += 1
        elif answer.json() == right[text]:
            tally["right"] += 1
        else:
            tally["wrong"] += 1


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with Service() as service:
        yield service


@pytest.mark.door
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("name", PROXIES)
async def test_no_victim_behind_a_proxy_gets_anything_but_its_own_answer(
    service: Service, name: str, tmp_path: Path, report: Report
) -> None:
    right = {text: service.predict(text).json() for text in TEXTS}
    assert len({json.dumps(answer) for answer in right.values()}) == len(TEXTS), "no two answers may be alike"
    tally: Counter[str] = Counter()
    over = asyncio.Event()
    texts = iter(list(itertools.islice(itertools.cycle(TEXTS), VICTIMS_EACH)))
    with proxied(name, service.port, tmp_path) as port:
        attackers = [asyncio.create_task(attack_until(over, port, tally)) for _ in range(ATTACKERS)]
        async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            await asyncio.gather(*(be_victims(client, texts, right, tally) for _ in range(VICTIMS_AT_ONCE)))
        over.set()
        await asyncio.gather(*attackers)
    harmed = f"{tally['wrong']} wrong, {tally['failed']} failed"
    report(f"{name}: {tally['attacks']} attacks; of {VICTIMS_EACH} victims {harmed}")
    assert tally["attacks"] > ATTACKERS
    assert (tally["wrong"], tally["failed"], tally["right"]) == (0, 0, VICTIMS_EACH)
