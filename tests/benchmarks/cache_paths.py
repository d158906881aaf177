"""What a hit costs against a bare FastAPI route, what a miss costs against no cache, and what a cache is good for.

    python tests/benchmarks/cache_paths.py [TEXTS]

TEXTS is a file with one text a line, or a table with a header and a column `text` or `sentence`; without it texts are
made up. Requests per second of the server's own CPU time do not depend on what else the machine is doing.
"""

import argparse
import csv
import itertools
import random
import statistics
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from lightsleeper.process import free_port
from load import Server, drive, mixed_texts, one_each, serving

sys.path.append(str(Path(__file__).parents[1] / "support"))

from lightsleeper.cache.cache import KeyMaker, LruCache
from lightsleeper.cache.redis_link import KEY_PREFIX
from lightsleeper.model.bundle import EMBEDDED, open_bundle
from lightsleeper.model.tokenizer import Tokenizer
from redis_server import RedisServer

OURS = [sys.executable, "-m", "lightsleeper", "serve"]
BARE = [sys.executable, str(Path(__file__).with_name("bare_app.py"))]
ROUNDS = 5
REQUESTS = {1: 1_500, 32: 4_000}
MISSES = 400
REPEATED = 50
ZIPF_REQUESTS = 50_000
REDIS_ENTRIES = 20_000


@dataclass(frozen=True)
class Measured:
    """One server's medians."""

    per_s: float
    per_cpu_s: float
    p50_ms: float
    p99_ms: float


def main() -> None:
    """Measure all paths in turn, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", nargs="?", type=Path, help="a file of them")
    file = parser.parse_args().texts
    texts = read_texts(file) if file else mixed_texts(5_000)
    with RedisServer(port=free_port()) as redis:
        url = f"redis://127.0.0.1:{redis.port}/0"
        with every_path(url) as servers:
            hit_table(servers, texts[:REPEATED])
            miss_table(servers, texts)
        memory_line(redis)
    zipf_table(texts)


@contextmanager
def every_path(url: str) -> Iterator[dict[str, Server]]:
    """The bare route, and the service with no cache, with its memory, with Redis alone, with both."""
    off = {"LIGHTSLEEPER_CACHE_ENTRIES": "0"}
    # Twenty times the default: on a busy machine a hit that came too late would be measured as an inference.
    redis = {"LIGHTSLEEPER_REDIS_URL": url, "LIGHTSLEEPER_REDIS_TIMEOUT_MS": "1000"}
    with (
        serving(BARE) as bare,
        serving(OURS, off) as nothing,
        serving(OURS) as memory,
        serving(OURS, off | redis) as shared,
        serving(OURS, redis) as both,
    ):
        yield {"bare": bare, "no cache": nothing, "memory": memory, "Redis": shared, "memory and Redis": both}


def hit_table(servers: dict[str, Server], texts: Sequence[str]) -> None:
    """Hits from memory and from Redis against the bare route."""
    print(
        "\n| hits | in flight | req/s | req per CPU second | ratio | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|"
    )
    names = ("bare", "memory", "Redis")
    for in_flight, count in REQUESTS.items():
        bodies = list(itertools.islice(itertools.cycle(one_each(texts)), count))
        for name in names:
            drive(servers[name].port, one_each(texts), in_flight=1)  # fills the cache
        runs = alternate({name: servers[name] for name in names}, [bodies] * ROUNDS, in_flight)
        for name in names:
            it = runs[name]
            ratio = it.per_cpu_s / runs["bare"].per_cpu_s
            print(
                f"| {name} | {in_flight} | {it.per_s:.0f} | {it.per_cpu_s:.0f} | {ratio:.2f} "
                f"| {it.p50_ms:.2f} | {it.p99_ms:.2f} |"
            )


def miss_table(servers: dict[str, Server], texts: Sequence[str]) -> None:
    """Texts nobody has sent before, with caches against without."""
    print(
        "\n| misses | in flight | req/s | req per CPU second | ratio | p50 ms | p99 ms |\n|---|---|---|---|---|---|---|"
    )
    names = ("no cache", "memory", "memory and Redis")
    for in_flight in REQUESTS:
        rounds = []
        for number in range(ROUNDS):
            picked = random.Random(number).choices(texts, k=MISSES)
            rounds.append(one_each([f"{text} {in_flight} {number} {each}" for each, text in enumerate(picked)]))
        runs = alternate({name: servers[name] for name in names}, rounds, in_flight)
        for name in names:
            it = runs[name]
            ratio = it.per_cpu_s / runs["no cache"].per_cpu_s
            print(
                f"| {name} | {in_flight} | {it.per_s:.0f} | {it.per_cpu_s:.0f} | {ratio:.2f} "
                f"| {it.p50_ms:.2f} | {it.p99_ms:.2f} |"
            )


def alternate(servers: dict[str, Server], rounds: Sequence[list[bytes]], in_flight: int) -> dict[str, Measured]:
    """Medians over rounds in which every server gets its turn."""
    seen: dict[str, list[Measured]] = {name: [] for name in servers}
    for bodies in tqdm(rounds, desc=f"{in_flight} in flight", leave=False):
        for name, server in servers.items():
            before_s = server.cpu_s()
            sample = drive(server.port, bodies, in_flight=in_flight)
            spent_s = server.cpu_s() - before_s
            measured = (sample.per_s, len(bodies) / spent_s, sample.percentile_ms(50), sample.percentile_ms(99))
            seen[name].append(Measured(*measured))
    columns = ("per_s", "per_cpu_s", "p50_ms", "p99_ms")
    return {
        name: Measured(*(statistics.median(getattr(each, column) for each in runs) for column in columns))
        for name, runs in seen.items()
    }


def memory_line(redis: RedisServer) -> None:
    """What one entry takes in Redis."""
    with redis.client() as client:
        client.flushall()
        before = client.info("memory")["used_memory"]
        pipeline = client.pipeline(transaction=False)
        for number in range(REDIS_ENTRIES):
            pipeline.set(KEY_PREFIX + number.to_bytes(16, "big"), b"\x01" + bytes(8), ex=604_800)
        pipeline.execute()
        info = client.info("memory")
        key = KEY_PREFIX + bytes(16)
        each = client.memory_usage(key)
        grown = (info["used_memory"] - before) / REDIS_ENTRIES
    print(f"\nRedis memory per entry: {each} bytes (MEMORY USAGE), {grown:.0f} bytes with its share of the tables")


def zipf_table(texts: Sequence[str]) -> None:
    """Hit ratio of the memory level on a stream in which the n-th most frequent text comes 1/n as often."""
    bundle = open_bundle(EMBEDDED)
    tokenizer, keys = Tokenizer(bundle.tokenizer, bundle.manifest.max_tokens), KeyMaker(bundle.digest)
    encoded = [keys.key(text.ids) for text in tokenizer.encode(texts)]
    weights = [1 / rank for rank in range(1, len(encoded) + 1)]
    stream = random.Random(0).choices(encoded, weights=weights, k=ZIPF_REQUESTS)
    print(f"\n| {len(set(encoded))} texts, {ZIPF_REQUESTS} requests, Zipf (s = 1) | hit ratio |\n|---|---|")
    for entries in (100, 1_000, 100_000):
        cache, hits = LruCache(entries, 1 << 30), 0
        for key in stream:
            hits += cache.peek([key]) != [None]
            cache.put_many({key: (0.0, 0.0)})
        print(f"| {entries} entries | {hits / ZIPF_REQUESTS:.3f} |")


def read_texts(path: Path) -> list[str]:
    """The texts of a file, distinct, in an order of no meaning."""
    with path.open(encoding="utf-8", newline="") as file:
        header = file.readline()
        column = next((name for name in ("text", "sentence") if name in header), None)
        file.seek(0)
        if column is None:
            texts = [line.strip() for line in file]
        else:
            rows = csv.DictReader(file, delimiter="\t" if "\t" in header else ",")
            texts = [row[column] for row in rows]
    distinct = [text for text in dict.fromkeys(texts) if text.strip()]
    random.Random(0).shuffle(distinct)
    return distinct


if __name__ == "__main__":
    main()
