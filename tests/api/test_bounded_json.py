import json
import threading

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message, Scope

from hostile_bodies import BODIES, BYTES
from lightsleeper.api.asgi import Request, Response
from lightsleeper.api.body import load_json
from lightsleeper.api.bounded_json import beginning
from lightsleeper.api.exchange import Exchange, exchange
from lightsleeper.api.predict_request import Asked, Limits, parse_predict_request
from lightsleeper.errors import InvalidInput

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
LIMITS = Limits(max_texts=64, max_text_chars=50_000, max_body_bytes=BYTES, timeout_s=30)


def parsed(body: bytes) -> Asked:
    return parse_predict_request(body, LIMITS)


@given(value=JSON, ascii_only=st.booleans())
def test_what_has_few_values_is_left_as_it_is(value: object, ascii_only: bool) -> None:
    body = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert beginning(body, len(body)) is body


@given(value=st.lists(JSON, min_size=1) | st.dictionaries(st.text(), JSON, min_size=1), marks=st.integers(1, 40))
def test_what_is_cut_is_still_json_and_begins_as_it_did(value: object, marks: int) -> None:
    whole = json.dumps(value).encode()
    start = beginning(whole, marks)
    json.loads(start)
    assert whole.startswith(start.rstrip(b"]}"))


def test_a_cut_list_keeps_its_first_items() -> None:
    assert beginning(b'{"a": ["x, [", "y", "z"], "b": 1}', 7) == b'{"a": ["x, [", "y"]}'


@pytest.mark.parametrize(
    ("kind", "code", "field", "limit"),
    [
        ("numbers", "invalid_input", "text[0]", None),
        ("one number", "invalid_json", None, None),
        ("one fraction", "invalid_input", "text", None),
        ("empty texts", "too_many_texts", "text", 64),
        ("short texts", "too_many_texts", "text", 64),
        ("unknown keys", "invalid_input", None, None),
        ("one known key over and over", "too_many_values", None, 3_024),
        ("lists of one", "invalid_input", "text[0]", None),
        ("nested lists", "invalid_json", None, None),
        ("escaped letters", "text_too_long", "text[0]", 50_000),
        ("lone surrogates", "invalid_json", None, None),
        ("a string without an end", "invalid_json", None, None),
    ],
)
def test_the_first_fault_is_named_and_ends_the_parse(
    kind: str, code: str, field: str | None, limit: int | None
) -> None:
    with pytest.raises(InvalidInput) as refused:
        parsed(BODIES[kind])
    assert (refused.value.code, refused.value.limit) == (code, limit)
    if field:
        assert refused.value.field == field


@pytest.mark.parametrize("kind", BODIES)
def test_every_hostile_body_is_refused_and_never_with_a_500(client: TestClient, kind: str) -> None:
    answer = client.post("/predict", content=BODIES[kind], headers={"content-type": "application/json"})
    assert answer.status_code == (415 if kind == "zeros" else 422)
    assert set(answer.json()["error"]) <= {"code", "message", "field", "limit"}


def test_the_largest_request_allowed_is_read_whole() -> None:
    texts = [f'{number} "quoted", [bracketed] {{braced}} \\ 🙂 \n' * 400 for number in range(64)]
    for ascii_only in (False, True):
        body = json.dumps({"text": texts, "top_k": 1}, ensure_ascii=ascii_only).encode()
        assert parsed(body).texts == texts


def test_what_other_dialects_read_is_bounded_too() -> None:
    assert load_json(b'\xef\xbb\xbf{"inputs": ["a", "b"]}') == {"inputs": ["a", "b"]}
    for kind in ("numbers", "unknown keys", "lists of one", "short texts"):
        with pytest.raises(InvalidInput, match="20000 brackets, commas and strings"):
            load_json(BODIES[kind])


async def test_a_large_body_is_parsed_off_the_event_loop_and_a_small_one_on_it() -> None:
    async def thread_of(body: bytes) -> threading.Thread:
        scope: Scope = {
            "type": "http",
            "method": "POST",
            "headers": [],
            "state": {"limits": LIMITS, "head": None, "classifier": None},
        }
        messages = iter([{"type": "http.request", "body": body}])
        found: list[threading.Thread] = []

        async def receive() -> Message:
            return next(messages)

        async def answer(_: Exchange, asked: threading.Thread) -> Response:
            found.append(asked)
            return Response()

        await exchange(Request(scope, receive), lambda _body, _request: threading.current_thread(), answer)
        return found[0]

    assert await thread_of(b" " * 1_000) is threading.current_thread()
    assert await thread_of(b" " * 1_000_000) is not threading.current_thread()
