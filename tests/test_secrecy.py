"""A text and a key that nobody may ever see again travel through every path; then everything said is searched."""

import hashlib
import json
import socket
from collections.abc import Iterator

import httpx2
import pytest

from otlp_receiver import OtlpReceiver
from redis_server import RedisServer, free_port
from service import Service

TEXT = "canarytext warbles in the coalmine"
KEY = "canarykey-0123456789"
PASSWORD = "canarypassword"
CANARIES = ("canarytext", "canarykey", "canarypassword", hashlib.sha256(KEY.encode()).hexdigest())

RIGHT = {"authorization": f"Bearer {KEY}"}
WRONG = {"x-api-key": f"{KEY}-almost"}


@pytest.fixture(scope="module")
def said() -> Iterator[dict[str, str]]:
    """Everything that left the process, by where."""
    everything: dict[str, str] = {}
    metrics_port = free_port()
    with RedisServer("--requirepass", PASSWORD) as redis, OtlpReceiver() as collector:
        settings = {
            "redis_url": f"unix://:{PASSWORD}@{redis.socket}",
            "api_key_digests": hashlib.sha256(KEY.encode()).hexdigest(),
            "rate_limit_texts": 200,
            "trace_ratio": 1,
            "metrics_port": metrics_port,
            "log_level": "debug",
            "access_log": True,
            "request_timeout_s": 20,
        }
        service = Service(**settings)
        service.environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
        with service:
            everything["answers"] = "\n".join(walk(service, redis))
            everything["metrics"] = httpx2.get(f"http://127.0.0.1:{metrics_port}/metrics", timeout=60).text
            with redis.client(password=PASSWORD) as client:
                names = client.keys()
                assert isinstance(names, list)
                everything["Redis"] = repr([(name, client.dump(name)) for name in names])
        everything["logs"] = service.output
        everything["spans"] = repr(collector.spans)
        everything["pushed metrics"] = repr(collector.exports)
        yield everything


def walk(service: Service, redis: RedisServer) -> Iterator[str]:
    """Every path a text and a key can take, failures included; what was answered to each."""
    for body in bodies():
        for headers in ({}, WRONG, RIGHT):
            yield answer(service, body, headers)
    yield answer(service, json.dumps({"text": TEXT}).encode(), {**RIGHT, "content-type": "text/plain"})
    yield httpx2.put(f"{service.url}/predict", content=TEXT, headers=RIGHT, timeout=60).text
    leave(service)
    redis.kill()
    for number in range(3):
        yield answer(service, json.dumps({"text": f"{TEXT} {number}"}).encode(), RIGHT)
    redis.start()
    while "rate_limited" not in (refused := answer(service, json.dumps({"text": [TEXT] * 50}).encode(), RIGHT)):
        yield refused
    yield refused


def bodies() -> Iterator[bytes]:
    for request in (
        {"text": TEXT},
        {"text": [TEXT, TEXT.upper()], "top_k": 1},
        {"text": TEXT, "raw_scores": True},
        {"text": TEXT, "top_k": TEXT},
        {"text": {"nested": TEXT}},
        {"text": [TEXT, 7]},
        {"text": TEXT, "unknown": TEXT},
        {"text": [TEXT] * 65},
        {"text": TEXT * 2_000},
        {"text": TEXT * 500, "truncate": False},
        {"words": TEXT},
        {"text": TEXT + "x" * 3_000_000},
        TEXT,
    ):
        yield json.dumps(request).encode()
    yield f'{{"text": "{TEXT}'.encode()
    yield f'{{"text": "{TEXT}\\ud800"}}'.encode()
    yield f'{{"text": "{TEXT}'.encode() + b'\xff"}'


def answer(service: Service, body: bytes, headers: dict[str, str]) -> str:
    response = httpx2.post(
        f"{service.url}/predict", content=body, headers={"content-type": "application/json", **headers}, timeout=60
    )
    assert response.status_code != 500
    return f"{response.status_code} {response.headers} {response.text}"


def leave(service: Service) -> None:
    """Hang up in the middle of a body."""
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\nContent-Type: application/json\r\n"
        connection.sendall(f'{head}X-API-Key: {KEY}\r\n\r\n{{"text": "{TEXT}'.encode())


@pytest.mark.parametrize("where", ["answers", "metrics", "Redis", "logs", "spans", "pushed metrics"])
def test_no_text_key_or_password_is_ever_said(said: dict[str, str], where: str) -> None:
    assert said[where], "nothing was said at all: nothing was tested"
    for canary in CANARIES:
        assert canary not in said[where].lower()


@pytest.mark.parametrize("status", ["200", "401", "413", "415", "422", "429"])
def test_every_path_was_taken(said: dict[str, str], status: str) -> None:
    assert any(line.startswith(status) for line in said["answers"].splitlines())
