"""A request that is read plainly is read as its document says, and no other is."""

import json
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightsleeper.api import predict_request
from lightsleeper.api.facts import Facts, Process, ServiceLimits
from lightsleeper.api.predict_request import Asked, Limits, parse_predict_request
from lightsleeper.api.schemas import ModelResponse, PredictRequest, read_as_documented
from lightsleeper.errors import InvalidInput

LIMITS = Limits(max_texts=64, max_text_chars=50_000, max_body_bytes=2_000_000, timeout_s=30)

texts = st.text(max_size=20)
values = st.one_of(
    *(st.none(), st.booleans(), st.integers(-2, 3), st.floats(), texts, st.just("yes")),
    *(st.lists(texts, max_size=3), st.lists(st.one_of(texts, st.none(), st.integers()), max_size=3)),
)
names = st.sampled_from([*PredictRequest.model_fields, "texts", "Text", ""])
fields = st.dictionaries(names, values) | st.builds(
    lambda text, more: {**more, "text": text}, texts, st.dictionaries(names, values)
)


def outcome(body: bytes) -> object:
    """What is asked, or what is wrong."""
    try:
        return parse_predict_request(body, LIMITS)
    except InvalidInput as error:
        return error.code, error.message, error.field, error.limit


def documented(body: bytes, monkeypatch: pytest.MonkeyPatch) -> object:
    """The same by the document alone."""
    with monkeypatch.context() as patch:
        patch.setattr(predict_request, "_plain", lambda _: None)
        return outcome(body)


@given(fields, st.booleans())
def test_the_plain_reader_and_the_document_agree(content: dict[str, Any], ascii_only: bool) -> None:
    body = json.dumps(content, ensure_ascii=ascii_only).encode(errors="surrogatepass")
    with pytest.MonkeyPatch.context() as patch:
        assert outcome(body) == documented(body, patch)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"{", b"[]", b"null", b'"text"', b"{}", b'{"text": "a"} x', b"\xef\xbb\xbf{}", b'{"text": "\xff"}'),
        *(b'{"text": "\\ud800"}', b'{"text": "\\ud83d\\ude00"}', b'{"text": NaN}', b'{"text": "a", "top_k": Infinity}'),
        *(
            b'{"text": 1, "text": "a"}',
            b'{"text": "a", "text": 1}',
            b'{"text": "a", "top_k": 1.0}',
            b'{"text": "a\x00"}',
        ),
        *(b'{"text": "a", "top_k": ' + b"9" * 5_000 + b"}", b'{"text": ' + b"[" * 900 + b"]" * 900 + b"}"),
        *(b"{'text': 'a'}", b'{"text": "a",}', b'{"text": ["a", "b"], "explain": true}', b' \n{"text": "a"}\t'),
    ],
)
def test_they_agree_on_what_parsers_disagree_on(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(body) == documented(body, monkeypatch)


def test_what_is_right_needs_no_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightsleeper.api.schemas", None)
    body = json.dumps({"text": ["Füß", "😀"], "top_k": 2, "raw_scores": True}).encode()
    assert parse_predict_request(body, LIMITS) == Asked(["Füß", "😀"], top_k=2, raw_scores=True)


def test_every_documented_field_is_read_with_its_default() -> None:
    assert Asked(**read_as_documented(b'{"text": "a"}')) == Asked(["a"])


def test_the_facts_are_as_documented() -> None:
    for fact, document in ((Facts, ModelResponse), (ServiceLimits, "limits"), (Process, "process")):
        model = ModelResponse.model_fields[document].annotation if isinstance(document, str) else document
        assert list(fact.__dataclass_fields__) == list(model.model_fields)  # type: ignore[union-attr]  # each is a model
