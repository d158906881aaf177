"""A text and a key that nobody may ever see again travel through every path; then everything said is searched."""

import hashlib
import json
import socket
from collections.abc import Iterator

import httpx2
import pytest

from lightsleeper.process import free_port
from otlp_receiver import OtlpReceiver
from redis_server import RedisServer
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
            "rate_limit_texts": 400,
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
    for path, body, extra in dialects():
        for headers in (WRONG, RIGHT):
            yield answer(service, body, {**headers, **extra}, path)
    yield httpx2.put(f"{service.url}/predict", content=TEXT, headers=RIGHT, timeout=60).text
    leave(service)
    for number in range(3):
        stray(service, number)
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


EVENT = {
    "prefer": "reply",
    "ce-specversion": "1.0",
    "ce-id": "1",
    "ce-source": "/reviews",
    "ce-type": "com.example.review",
}


def dialects() -> Iterator[tuple[str, bytes, dict[str, str]]]:
    """The text in each dialect: as it should be, where another type belongs, and in what is no request at all."""
    for value in (TEXT, [TEXT], {"nested": TEXT}, [[TEXT, TEXT]], [TEXT, 7], TEXT * 2_000):
        yield "/", json.dumps({"inputs": value}).encode(), {}
        yield "/", json.dumps({"inputs": value, "parameters": {"top_k": TEXT, "function_to_apply": TEXT}}).encode(), {}
        yield "/predict", json.dumps({"inputs": value}).encode(), {}
        yield "/predict", json.dumps({"inputs": value, "truncation_direction": TEXT, "raw_scores": TEXT}).encode(), {}
        yield "/v1/models/lightsleeper:predict", json.dumps({"instances": value}).encode(), {}
        tensor = {"name": "text", "shape": [1], "datatype": "BYTES", "data": value}
        for inputs in ([tensor], [{**tensor, "datatype": TEXT}], [{**tensor, "shape": [TEXT]}], value):
            yield "/v2/models/lightsleeper/infer", json.dumps({"inputs": inputs}).encode(), {}
        yield "/events", json.dumps(value).encode(), EVENT
        event = {name.removeprefix("ce-"): said for name, said in EVENT.items() if name != "prefer"} | {"data": value}
        structured = {"content-type": "application/cloudevents+json"}
        yield "/events", json.dumps(event).encode(), structured
        yield "/events", json.dumps({**event, "specversion": TEXT, "datacontenttype": TEXT}).encode(), structured
    yield "/events", TEXT.encode(), {**EVENT, "content-type": "text/plain"}
    binary = json.dumps(
        {"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": 9}}]}
    ).encode()
    yield "/v2/models/lightsleeper/infer", binary + TEXT.encode(), {"inference-header-content-length": str(len(binary))}


def answer(service: Service, body: bytes, headers: dict[str, str], path: str = "/predict") -> str:
    response = httpx2.post(
        f"{service.url}{path}", content=body, headers={"content-type": "application/json", **headers}, timeout=60
    )
    assert response.status_code != 500
    return f"{response.status_code} {response.headers} {response.text}"


#: What a stranger writes where no text belongs. A path is the caller's own, and in the access log.
STRAY = "straycanary"
PATH = "pathcanary"

SAMPLED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

#: The positions of a head, one request each: request line, then headers.
POSITIONS = [
    (f"GET /model?api_key={STRAY}", ""),
    (f"POST /predict?api_key={STRAY}&{STRAY}", ""),
    (f"GET /{PATH}/{PATH}", ""),
    (f"GET /web/{PATH}.js", ""),
    (f"POST /v2/models/{PATH}/infer", ""),
    (f"POST /v1/models/{PATH}:predict", ""),
    (f"{STRAY.upper()} /predict", ""),
    *(
        ("GET /model", f"{name}: {STRAY}\r\n")
        for name in (
            "User-Agent",
            "Cookie",
            "Referer",
            "Origin",
            "Accept",
            "Accept-Language",
            "If-None-Match",
            "X-Forwarded-For",
            "X-Forwarded-Proto",
            "X-Forwarded-Host",
            "Forwarded",
            "Baggage",
            "Traceparent",
            "X-Unknown",
        )
    ),
    ("GET /model", f"Traceparent: {SAMPLED}\r\nTracestate: {STRAY}={STRAY}\r\nBaggage: {STRAY}={STRAY}\r\n"),
    ("GET /model", f"X-{STRAY}: 1\r\n"),
    ("POST /predict", f"Content-Type: {STRAY}/{STRAY}\r\n"),
    ("POST /predict", f"Content-Type: application/json; charset={STRAY}\r\n"),
    ("POST /predict", f"Content-Encoding: {STRAY}\r\n"),
    ("POST /predict", f"Authorization: {STRAY} {STRAY}\r\n"),
    ("POST /predict", f"X-API-Key: {STRAY}\r\n"),
    ("POST /", f"ce-specversion: 1.0\r\nce-id: {STRAY}\r\nce-source: {STRAY}\r\nce-type: {STRAY}\r\n"),
]


def stray(service: Service, number: int) -> None:
    """The canary in every position of a head, with a right key and without, and as `Host`."""
    for line, headers in POSITIONS:
        host = f"{STRAY}.example" if number == 0 else "localhost"
        key = f"X-API-Key: {KEY}\r\n" if number == 1 and "X-API-Key" not in headers else ""
        body = b'{"text": 7}' if line.startswith("POST") else b""
        head = f"{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
            connection.sendall(f"{head}{key}{headers}\r\n".encode() + body)
            while connection.recv(65_536):
                pass


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


@pytest.mark.parametrize("where", ["metrics", "Redis", "spans", "pushed metrics", "logs"])
def test_nothing_of_a_head_is_ever_said(said: dict[str, str], where: str) -> None:
    assert STRAY not in said[where].lower()
    if where != "logs":
        assert PATH not in said[where].lower()


def test_what_strangers_sent_was_traced(said: dict[str, str]) -> None:
    assert "POST /predict" in said["spans"]
    assert "GET /model" in said["spans"]


@pytest.mark.parametrize("dialect", ["native", "hugging_face", "tei", "open_inference", "kserve_v1", "cloud_events"])
def test_every_dialect_was_spoken_and_answered(said: dict[str, str], dialect: str) -> None:
    counted = [line for line in said["metrics"].splitlines() if f'"{dialect}"' in line]
    assert any(f'"{status}"' in line for line in counted for status in (200, 202))


@pytest.mark.parametrize("status", ["200", "401", "413", "415", "422", "429"])
def test_every_path_was_taken(said: dict[str, str], status: str) -> None:
    assert any(line.startswith(status) for line in said["answers"].splitlines())
