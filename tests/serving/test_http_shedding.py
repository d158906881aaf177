"""A refusal before an application is asked: the same answer as the application's, on real sockets."""

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from crowded_service import CROWDED, FULL, CrowdedService, told
from lightsleeper.serving.app import early_refusals
from lightsleeper.serving.settings import Settings
from wire import LAST, PAGES_ORIGIN, SMUGGLED, TEXT, Answer, answers, chunked, connected, request, sized, talk

KEY = "a-key"
SETTINGS = Settings(workers=1, cors_origins=(PAGES_ORIGIN,), root_path="/below", max_body_bytes=20_000)
KEYED = Settings(workers=1, api_key_digests=(hashlib.sha256(KEY.encode()).hexdigest(),))


@pytest.fixture(scope="module")
def shared() -> Iterator[CrowdedService]:
    with ExitStack() as running:
        yield CrowdedService(SETTINGS, running)


@pytest.fixture
def service(shared: CrowdedService) -> CrowdedService:
    shared.forget()
    return shared


@pytest.fixture
def keyed() -> Iterator[CrowdedService]:
    with ExitStack() as running:
        yield CrowdedService(KEYED, running)


def both(service: CrowdedService, message: bytes) -> list[Answer]:
    """What the service says, after it was found to be what it would have said the long way."""
    # In one packet: who is told that the connection ends, and sends more, is told so by a reset.
    early, long_way = (talk(port, message + LAST) for port in (service.port, service.long_way))
    assert [told(answer) for answer in early] == [told(answer) for answer in long_way]
    return early


PATHS = {
    "/predict": 503,
    "/below/predict": 503,
    "/": 429,  # Hugging Face's clients repeat a 503 without end
    "/v1/models/any:predict": 503,
    "/v2/models/any/infer": 503,
    "/events": 503,
    "/nowhere": 503,
    "/predict?a=b": 503,
    "/pr%65dict": 503,
    # A proxy that keeps the prefix.
    "/below/": 429,
    "/below/v1/models/any:predict": 503,
    "/below/v2/models/any/infer": 503,
    "/below/events": 503,
    "/belowevents": 503,
}


@pytest.mark.parametrize(("path", "status"), PATHS.items())
@pytest.mark.parametrize("framed", ["sized", "chunked"])
def test_an_early_refusal_says_what_the_application_would_in_every_dialect(
    service: CrowdedService, path: str, status: int, framed: str
) -> None:
    service.wait(FULL)
    body, framing = (TEXT, sized(TEXT)) if framed == "sized" else (chunked(TEXT), "Transfer-Encoding: chunked")
    refused, last = both(service, request(path=path, headers=framing, body=body))
    assert (refused.status, last.status) == (status, 200)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.headers["content-security-policy"]
    assert service.refused_early == 1


@pytest.mark.parametrize(
    ("headers", "early"),
    [
        ("X-Request-Id: mine", True),
        ("ce-specversion: 1.0\nce-id: 1", True),
        ("X-Forwarded-For: 198.51.100.1\nX-Forwarded-Proto: https", True),
        # What is unusual takes the long way, to the same answer.
        (f"Origin: {PAGES_ORIGIN}", False),
        ("Origin: https://elsewhere.example", False),
        ("Connection: close", False),
        ("X-Forwarded-For: 198.51.100.1\nX-Forwarded-For: 198.51.100.2", False),
        ("Connection: Upgrade\nUpgrade: h2c", False),
    ],
)
def test_whatever_stands_in_the_head_the_answer_is_the_applications(
    service: CrowdedService, headers: str, early: bool
) -> None:
    service.wait(FULL)
    refused, *_ = both(service, request(headers=f"{headers}\n{sized(TEXT)}", body=TEXT))
    assert refused.status == 503
    assert service.refused_early == early


def test_a_refused_body_is_neither_read_nor_taken_for_a_request(service: CrowdedService) -> None:
    service.wait(FULL)
    body = SMUGGLED * 3
    refused, last = both(service, request(headers=sized(body), body=body))
    assert (refused.status, last.body) == (503, b"ok")


def test_a_body_still_on_its_way_is_refused_at_once_and_ends_the_connection(service: CrowdedService) -> None:
    service.wait(FULL)
    head = request(headers=sized(TEXT))
    for start in (head, head + TEXT[:5], request(headers=f"Expect: 100-continue\n{sized(TEXT)}")):
        with connected(service.port) as client:
            client.sendall(start)
            [refused] = answers(client)
        assert (refused.status, refused.headers["connection"]) == (503, "close")


def test_a_body_that_breaks_off_into_something_else_has_its_one_answer(service: CrowdedService) -> None:
    service.wait(FULL)
    [refused] = talk(service.port, request(headers="Transfer-Encoding: chunked", body=b"5\r\nhello\r\nnonsense\r\n"))
    assert (refused.status, refused.headers["connection"]) == (503, "close")


@pytest.mark.parametrize(
    "trailer", [b"Connection: close", b"Proxy-Connection: close", b"Content-Length: 5", b"Host: b"]
)
def test_a_refused_body_with_a_trailer_of_the_connection_s_ends_it_as_the_refusal_says(
    service: CrowdedService, trailer: bytes
) -> None:
    service.wait(FULL)
    body = chunked(TEXT)[:-2] + trailer + b"\r\n\r\n"
    [refused] = both(service, request(headers="Transfer-Encoding: chunked", body=body))
    assert (refused.status, refused.headers["connection"]) == (503, "close")


def test_a_refused_body_with_another_trailer_is_followed_by_the_next_request(service: CrowdedService) -> None:
    service.wait(FULL)
    body = chunked(TEXT)[:-2] + b"X-T: y\r\n\r\n"
    refused, last = both(service, request(headers="Transfer-Encoding: chunked", body=body))
    assert (refused.status, last.body) == (503, b"ok")


def test_who_has_nothing_waiting_is_let_in_beside_who_has(service: CrowdedService) -> None:
    service.wait(CROWDED, "198.51.100.1")
    for client, status in (("198.51.100.1", 503), ("198.51.100.2", 200), ("198.51.100.1", 503)):
        headers = f"X-Forwarded-For: {client}\n{sized(TEXT)}"
        answer, _ = talk(service.port, request(headers=headers, body=TEXT) + LAST)  # one packet: no head to remember
        assert answer.status == status
    assert service.refused_early == 2


def test_nobody_is_refused_while_the_queue_has_room(service: CrowdedService) -> None:
    answer, _ = talk(service.port, request(headers=sized(TEXT), body=TEXT), LAST)
    assert answer.status == 200
    service.wait(FULL)
    assert [answer.status for answer in talk(service.port, request("GET", "/model"), LAST)] == [200, 200]
    assert service.refused_early == 0


def test_a_body_larger_than_any_may_be_is_said_to_be_one(service: CrowdedService) -> None:
    service.wait(FULL)
    large = b" " * (SETTINGS.max_body_bytes + 1)
    refused, *_ = both(service, request(headers=sized(large), body=large))
    assert refused.status == 413


def test_who_has_no_key_is_told_that_first_and_who_has_one_is_known_by_it(keyed: CrowdedService) -> None:
    mine = request(headers=f"X-API-Key: {KEY}\n{sized(TEXT)}", body=TEXT)
    keyed.wait(CROWDED, f"key:{KEYED.api_key_digests[0][:16]}")
    refused, *_ = both(keyed, request(headers=sized(TEXT), body=TEXT))
    assert (refused.status, keyed.refused_early) == (401, 0)
    refused, *_ = both(keyed, mine)
    assert (refused.status, keyed.refused_early) == (503, 1)
    keyed.forget()
    keyed.wait(CROWDED, "key:of somebody else")
    assert [answer.status for answer in talk(keyed.port, mine, LAST)] == [200, 200]


def test_of_requests_sent_ahead_one_is_refused_early_and_all_in_their_order(service: CrowdedService) -> None:
    """What is written before its client has read anything would have no bound else."""
    service.wait(FULL)
    one = request(headers=sized(TEXT), body=TEXT)
    came = talk(service.port, one * 3 + LAST)
    assert [answer.status for answer in came] == [503, 503, 503, 200]
    assert service.refused_early == 1
    came = talk(service.port, request("GET", "/livez") + one + LAST)
    assert [answer.status for answer in came] == [200, 503, 200]
    assert service.refused_early == 1


def test_a_trace_is_not_cut_short() -> None:
    refusals = early_refusals(Settings(trace_ratio=0.5, otlp_endpoint="http://collector.example:4318"))
    assert refusals({}) is None
