"""The least a server can do: the same bytes for every packet, unread. What a load costs the machine by itself."""

import asyncio
import os

import uvloop

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class _Constant(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # typeshed's is wider
        self._transport = transport

    def data_received(self, _: bytes) -> None:
        self._transport.write(_ANSWER)


async def serve(port: int) -> None:
    """Until the process ends."""
    server = await asyncio.get_running_loop().create_server(_Constant, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(os.environ["PORT"])))
