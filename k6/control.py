"""What a script asks of its surroundings by HTTP: `POST /sleep`, `/replace`, `/kill-redis`, … answered with JSON."""

import asyncio
import json
import shutil
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import Awaitable, Callable, Mapping

from processes import CannotRun

Action = Callable[[], Awaitable[Mapping[str, float]]]

#: Knative's default window (60 s), grace period (30 s), the pod's own drain, and room.
ASLEEP_TIMEOUT_S = 600.0
POLL_S = 1.0


class Control:
    """A loopback HTTP server of `actions` by name."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        """Nothing listens before `open`."""
        self._actions = actions

    async def open(self) -> str:
        """Listen; the address."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def close(self) -> None:
        """Listen no more."""
        self._server.close()

    async def _serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status, body = await self._answer(head.split(b" ")[1].decode().strip("/"))
        headers = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        writer.write(f"{headers}connection: close\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async def _answer(self, name: str) -> tuple[str, str]:
        if name not in self._actions:
            return "404 Not Found", f"{name} is not possible with this target"
        try:
            return "200 OK", json.dumps(await self._actions[name]())
        except CannotRun as reason:
            return "503 Service Unavailable", str(reason).encode("ascii", "replace").decode()


def asleep_on_cluster(service: str, namespace: str) -> Action:
    """Waits until Knative has taken the last pod of `service` away."""
    kubectl = shutil.which("kubectl")
    if not kubectl:
        raise CannotRun("wake on a cluster needs kubectl, to see when no pod is left")
    selector = f"serving.knative.dev/service={service}"
    command = (kubectl, "get", "pods", "--namespace", namespace, "--selector", selector, "--output", "name")

    async def sleep() -> dict[str, float]:
        began_s = time.monotonic()
        while await _output(*command):
            if time.monotonic() - began_s > ASLEEP_TIMEOUT_S:
                raise CannotRun(f"{service} still has pods after {ASLEEP_TIMEOUT_S:g} s: does something call it?")
            await asyncio.sleep(POLL_S)
        return {"asleep_after_s": time.monotonic() - began_s}

    return sleep


async def _output(*command: str) -> str:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe)
    output, complaint = await process.communicate()
    if process.returncode:
        last = complaint.decode(errors="replace").strip().splitlines()[-1:]
        raise CannotRun(f"{command[0]} failed: {''.join(last)}")
    return output.decode().strip()
