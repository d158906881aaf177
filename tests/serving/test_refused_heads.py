"""A head that was refused before is refused without being parsed, and everything else is parsed, on real sockets."""

import asyncio
import hashlib
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from starlette.types import Receive, Scope, Send

from crowded_service import CROWDED, FULL, CrowdedService, told
from lightsleeper.api.asgi import Response
from lightsleeper.api.early_refusal import Refusal
from lightsleeper.serving.door import DoorLimits
from lightsleeper.serving.refused_heads import RefusedHeads
from lightsleeper.serving.settings import Settings
from wire import LAST, PATIENCE_S, TEXT, Answer, answers, chunked, connected, parsed, request, served, sized, talk

OTHER = b'{"text": "A quiet fish that stays with you for long."}'
ONE = request(headers=sized(TEXT), body=TEXT)
KEY = "a-key"


@pytest.fixture
def service() -> Iterator[CrowdedService]:
    with ExitStack() as running:
        yield CrowdedService(Settings(workers=1), running)


def ask(client: socket.socket, message: bytes) -> Answer:
    """The one answer to it, on a connection that goes on."""
    client.sendall(message)
    came = b""
    while True:
        came += client.recv(65_536)
        head, end, body = came.partition(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        if end and len(body) == int(length):
            [answer] = parsed(came)
            return answer


def parsed_of(service: CrowdedService, *messages: bytes) -> tuple[list[int], int]:
    """The statuses of one after the other on one connection, and how many of them were parsed."""
    before = len(service.early)
    with connected(service.port) as client:
        statuses = [ask(client, message).status for message in messages]
        client.sendall(LAST)
        [last] = answers(client)
    assert last.body == b"ok"
    return statuses, len(service.early) - before


def test_the_same_head_again_is_refused_in_the_words_of_the_first_time(service: CrowdedService) -> None:
    service.wait(FULL)
    with connected(service.port) as client:
        first, second, third = (ask(client, request(headers=sized(body), body=body)) for body in (TEXT, OTHER, TEXT))
    assert told(first) == told(second) == told(third)
    assert len({answer.headers["x-request-id"] for answer in (first, second, third)}) == 3
    assert len(service.early) == 1


def test_on_another_connection_of_that_peer_too(service: CrowdedService) -> None:
    service.wait(FULL)
    assert parsed_of(service, ONE) == ([503], 1)
    assert parsed_of(service, ONE, ONE) == ([503, 503], 0)


def test_it_is_let_in_as_soon_as_there_is_room(service: CrowdedService) -> None:
    service.wait(FULL)
    assert parsed_of(service, ONE, ONE)[0] == [503, 503]
    service.forget()
    assert parsed_of(service, ONE) == ([200], 1)


def test_who_has_nothing_waiting_is_let_in_beside_who_has(service: CrowdedService) -> None:
    service.wait(FULL)
    one, other = (request(headers=f"X-Forwarded-For: {peer}\n{sized(TEXT)}", body=TEXT) for peer in ("::1", "::2"))
    assert parsed_of(service, one, other) == ([503, 503], 2)
    service.forget()
    service.wait(CROWDED, "::/64")
    service.wait(CROWDED, "192.0.2.1")
    assert parsed_of(service, one, other) == ([503, 503], 0)
    service.forget()
    service.wait(CROWDED, "192.0.2.1")
    assert parsed_of(service, one, other) == ([200, 200], 2)


@pytest.mark.parametrize(
    "message",
    [
        request(headers="Transfer-Encoding: chunked", body=chunked(TEXT)),
        request(headers=f"X-Request-Id: mine\n{sized(TEXT)}", body=TEXT),
        request(headers=f"traceparent: 00-{'1' * 32}-{'1' * 16}-00\n{sized(TEXT)}", body=TEXT),
        request(headers=f"X-Long: {'x' * 2_048}\n{sized(TEXT)}", body=TEXT),
    ],
    ids=["chunked", "named", "traced", "long"],
)
def test_what_tells_no_end_or_is_never_the_same_is_parsed_each_time(service: CrowdedService, message: bytes) -> None:
    service.wait(FULL)
    assert parsed_of(service, message, message) == ([503, 503], 2)


def test_a_body_with_the_end_of_a_head_in_it_is_a_body(service: CrowdedService) -> None:
    service.wait(FULL)
    body = b"\r\n\r\n" * 3 + request("GET", "/model") * 2
    message = request(headers=sized(body), body=body)
    assert parsed_of(service, message, message) == ([503, 503], 1)


@pytest.mark.parametrize("cut", [1, 60, len(ONE) - len(TEXT), len(ONE) - 1])
def test_a_request_in_two_packets_is_parsed(service: CrowdedService, cut: int) -> None:
    service.wait(FULL)
    assert parsed_of(service, ONE) == ([503], 1)
    with connected(service.port) as client:
        client.sendall(ONE[:cut])
        if cut >= len(ONE) - len(TEXT):  # a whole head is answered
            [refused] = answers(client)
            assert (refused.status, refused.headers["connection"]) == (503, "close")
            return
        # Seen by the server, which has no room for more in the packet at hand.
        assert ask_elsewhere(service) == 503
        client.sendall(ONE[cut:] + LAST)
        assert [answer.status for answer in answers(client)] == [503, 200]


def ask_elsewhere(service: CrowdedService) -> int:
    """Two turns of the server's loop."""
    with connected(service.port) as other:
        return [ask(other, ONE).status for _ in range(2)][-1]


def test_two_requests_in_one_packet_are_parsed_and_answered_in_their_order(service: CrowdedService) -> None:
    service.wait(FULL)
    assert parsed_of(service, ONE) == ([503], 1)
    came = talk(service.port, ONE + request("GET", "/model") + LAST)
    assert [answer.status for answer in came] == [503, 200, 200]


@pytest.mark.parametrize("length", ["+45", "4_5", "0x2d", "45 ", " 45", "45,45", "", "1" * 19, "1" * 5_000, "46", "44"])
def test_a_length_that_is_none_is_told_so_as_ever(service: CrowdedService, length: str) -> None:
    service.wait(FULL)
    assert parsed_of(service, ONE) == ([503], 1)
    message = request(headers=f"Content-Length: {length}", body=TEXT) + LAST
    fresh, noted = talk(service.long_way, message), talk(service.port, message)
    assert [told(answer) for answer in noted] == [told(answer) for answer in fresh]


@pytest.mark.parametrize("spelled", ["content-length: ", "Content-Length: ", "CONTENT-LENGTH: "])
def test_however_the_length_is_written(service: CrowdedService, spelled: str) -> None:
    service.wait(FULL)
    one, other = (request(headers=f"{spelled}{len(body)}\nX-Last: 1", body=body) for body in (TEXT, OTHER))
    assert parsed_of(service, one, other, one) == ([503] * 3, 1)
    assert parsed_of(service, request(headers=f"X-Text: {spelled}45\n{sized(TEXT)}", body=TEXT)) == ([503], 1)


def test_neither_heads_nor_spellings_are_noted_without_bound() -> None:
    heads = RefusedHeads()
    for number in range(4_000):
        spelled = bytes(char ^ 32 * (number >> at & 1) for at, char in enumerate(b"content" if number < 2_500 else b""))
        head = b"POST / HTTP/1.1\r\n%b-length: 0\r\nX: %d\r\n\r\n" % (spelled or b"content", number)
        heads.note("192.0.2.1", head, [], lambda _: None)
        assert 0 < len(heads) <= 1_000


def test_how_much_work_it_would_be_is_weighed_anew(service: CrowdedService) -> None:
    service.wait(FULL)
    assert parsed_of(service, ONE) == ([503], 1)
    service.forget()
    service.wait(CROWDED - 100, "127.0.0.1")
    longer = b" ".join([TEXT] * 20)
    assert parsed_of(service, request(headers=sized(longer), body=longer)) == ([503], 0)
    assert parsed_of(service, ONE) == ([200], 1)
    largest = b" " * (Settings().max_body_bytes + 1)
    with connected(service.port) as client:
        client.sendall(request(headers=sized(largest), body=largest))
        [refused] = answers(client)
    assert refused.status == 413


def test_while_an_earlier_answer_is_owed_it_waits_for_its_turn() -> None:
    asked, may_answer = threading.Event(), threading.Event()
    refusal = Refusal(503, b"content-length: 0\r\n", b"", lambda _: refusal)

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked.set()
            await asyncio.to_thread(may_answer.wait)
            await Response(scope["path"])(scope, receive, send)

    def refused_early(scope: Scope) -> Refusal | None:
        return refusal if scope["method"] == "POST" else None

    with served(slow, DoorLimits(), refusals=refused_early) as port, connected(port) as client:
        assert ask(client, ONE).status == 503
        client.sendall(request("GET", "/slow"))
        assert asked.wait(PATIENCE_S)
        client.sendall(ONE)
        with connected(port) as other:  # the server has seen it when it has seen these
            assert [ask(other, ONE).status for _ in range(2)] == [503, 503]
        may_answer.set()
        client.sendall(LAST)
        assert [answer.body for answer in answers(client)] == [b"/slow", b"/predict", b"/livez"]


def test_the_middle_of_a_head_is_no_head(service: CrowdedService) -> None:
    service.wait(FULL)
    began, went_on = ONE[:6], ONE[6:]
    with connected(service.port) as client:
        client.sendall(began)
        assert parsed_of(service, ONE)[0] == [503]
        assert ask(client, went_on).status == 503
        assert ask(client, ONE).status == 503
        client.sendall(went_on)
        [refused] = answers(client)
    assert refused.status == 501  # `predict` is a method that nobody knows
    with connected(service.port) as client:
        client.sendall(request()[:-2])
        assert parsed_of(service, ONE)[0] == [503]
        client.sendall(ONE)
        [refused] = answers(client)
    assert refused.status == 400


@pytest.mark.parametrize("behind", ["", "X-Last: y"], ids=["nothing", "a header"])
def test_a_head_without_its_end_is_no_request_whatever_length_it_says(service: CrowdedService, behind: str) -> None:
    """Its rest would be taken for the next request, and somebody else would be sent the answer."""
    service.wait(FULL)
    noted = request(headers=f"Content-Length: 3\n{behind}".strip(), body=b"abc")
    assert parsed_of(service, noted) == ([503], 1)
    unfinished = noted[: -len(b"\r\n\r\nabc")] + b"z"
    for digits in range(1, 4):
        length = len(unfinished) - 1 + digits - 3
        began = unfinished.replace(b"Content-Length: 3", b"Content-Length: %d" % length)
        rest = b"GET /model HTTP/1.0\r\nX-Rest: 1\r\n\r\n"
        with connected(service.port) as client:
            client.sendall(began)
            assert parsed_of(service, ONE)[0] == [503]  # the server has seen what there is
            client.sendall(rest + b" " * length + LAST)
            refused, *others = answers(client)
        assert refused.status in {400, 503}
        assert [other.body for other in others] in ([], [b"ok"])


def test_the_end_of_a_packet_is_not_noted_as_a_head(service: CrowdedService) -> None:
    """Whoever sends just that as a request must not be refused as the one whose end it was."""
    service.wait(FULL)
    cut = request("GET", "/livez") + b"POST /events HTTP/1.1\r\nX-Cut: "
    with connected(service.port) as client:
        assert ask(client, cut).status == 200
        client.sendall(ONE + LAST)
        assert answers(client)
    with connected(service.port) as client:
        assert ask(client, ONE).json["error"]["code"] == "overloaded"


def test_a_key_that_was_refused_opens_nothing_to_who_has_another() -> None:
    settings = Settings(workers=1, api_key_digests=(hashlib.sha256(KEY.encode()).hexdigest(),))
    with ExitStack() as running:
        service = CrowdedService(settings, running)
        service.wait(FULL)
        mine, wrong = (request(headers=f"X-API-Key: {key}\n{sized(TEXT)}", body=TEXT) for key in (KEY, "b-key"))
        assert parsed_of(service, mine, wrong, mine, wrong) == ([503, 401, 503, 401], 3)
