"""Redis as it is deployed: a cluster, Sentinel, TLS."""

import ssl
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
import trustme

from lightsleeper.cache.redis_link import KEY_PREFIX
from lightsleeper.process import free_port
from redis_caches import LOGITS, A, B, available_again, opened, proxied, trial, written
from redis_server import RedisServer


async def test_a_cluster_holds_the_keys_of_one_request_on_several_nodes() -> None:
    with cluster(nodes=2) as servers:
        names = ",".join(f"127.0.0.1:{server.port}" for server in servers)
        async with opened(f"redis+cluster://{names}") as cache:
            entries = {bytes([n]) * 16: LOGITS for n in range(64)}
            cache.put_many(entries)
            await written(cache)
            assert await cache.get_many([*entries, bytes(16)[:-1] + b"x"]) == [LOGITS] * 64 + [None]
        sizes = []
        for server in servers:
            with server.client() as client:
                sizes.append(client.dbsize())
    assert sum(sizes) == 64
    assert min(sizes) > 0


async def test_sentinel_names_the_master() -> None:
    with RedisServer(port=free_port()) as master, RedisServer(port=free_port(), sentinel_of=master.port) as watcher:
        async with opened(f"redis+sentinel://127.0.0.1:{watcher.port}/main") as cache:
            cache.put_many({A: LOGITS})
            await written(cache)
        with master.client() as client:
            assert client.exists(KEY_PREFIX + A)


async def test_a_master_that_dies_is_followed_to_the_replica_that_sentinel_promotes() -> None:
    with (
        RedisServer("--repl-diskless-sync-delay", "0", port=free_port()) as master,
        RedisServer("--replicaof", f"127.0.0.1 {master.port}", port=free_port()) as replica,
        RedisServer(port=free_port(), sentinel_of=master.port) as watcher,
    ):
        sentinel = redis.Redis(port=watcher.port)
        with sentinel, replica.client() as client:
            _until(lambda: client.info("replication")["master_link_status"] == "up")
            _until(lambda: len(sentinel.sentinel_slaves("main")) == 1)
            async with opened(f"redis+sentinel://127.0.0.1:{watcher.port}/main") as cache:
                cache.put_many({A: LOGITS})
                await written(cache)
                _until(lambda: client.exists(KEY_PREFIX + A))
                master.kill()
                assert await cache.get_many([A]) == [None]
                await available_again(cache)
                assert await cache.get_many([A]) == [LOGITS]
                cache.put_many({B: LOGITS})
                await written(cache)
            assert client.role()[0] == b"master"
            assert client.exists(KEY_PREFIX + B)


async def test_tls_needs_a_certificate_that_can_be_verified(server: RedisServer, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    async with proxied(server, tls=tls) as address:
        async with opened(f"rediss://{address}?ssl_ca_certs={tmp_path / 'ca.pem'}") as cache:
            cache.put_many({A: LOGITS})
            await written(cache)
            assert await cache.get_many([A]) == [LOGITS]
        async with opened(f"rediss://{address}", wait=False) as cache:
            assert await cache.get_many([A]) == [None]
        assert "certificate verify failed" in str(await trial(f"rediss://{address}"))


class cluster:  # noqa: N801  # reads as a function
    """Redis servers that share the slots among them."""

    def __init__(self, nodes: int) -> None:
        self.ports = [(free_port(), free_port()) for _ in range(nodes)]
        self.servers = [
            RedisServer("--cluster-enabled", "yes", "--cluster-port", str(bus), port=port) for port, bus in self.ports
        ]

    def __enter__(self) -> Sequence[RedisServer]:
        for server in self.servers:
            server.start()
        step = 16_384 // len(self.servers)
        for number, server in enumerate(self.servers):
            last = 16_383 if number == len(self.servers) - 1 else (number + 1) * step - 1
            with server.client() as client:
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", number * step, last)
                for port, bus in self.ports:
                    client.execute_command("CLUSTER", "MEET", "127.0.0.1", port, bus)
        for server in self.servers:
            with server.client() as client:
                _until(lambda client=client: client.execute_command("CLUSTER INFO")["cluster_state"] == "ok")
        return self.servers

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.__exit__()


def _until(true: Any) -> None:  # noqa: ANN401  # any truth
    deadline_s = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)  # another process is asked; it has no event to wait for
