"""The largest bodies allowed, of every dialect that reads any, each full of one thing and refused in the end."""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from lightsleeper.serving.settings import Settings

BYTES = Settings().max_body_bytes
_TEXTS = Settings().max_texts


def _repeated(start: bytes, unit: bytes, end: bytes) -> Callable[[int], bytes]:
    def filled(size: int) -> bytes:
        return start + unit * ((size - len(start) - len(end)) // len(unit)) + end

    return filled


def _keys(size: int) -> bytes:
    return b"{%b}" % b",".join(b'"k%06d":1' % number for number in range((size - 1) // 12))


def _texts(size: int) -> bytes:
    """As many as may be, as long as may be, and the last one empty."""
    letters = "é".encode() * (size // _TEXTS // 2 - 4)
    return b"[%b]" % b",".join([b'"%b"' % letters] * (_TEXTS - 1) + [b'""'])


#: JSON values of some size, by what they are full of.
VALUES: Mapping[str, Callable[[int], bytes]] = {
    "numbers": _repeated(b"[1", b",1", b"]"),
    "short texts": _repeated(b'["a"', b',"ab"', b"]"),
    "texts in objects": _repeated(b'[{"text":"a"}', b',{"text":"a"}', b"]"),
    "texts in rows": _repeated(b'[["a"]', b',["a"]', b"]"),
    "empty lists": _repeated(b"[[]", b",[]", b"]"),
    "nested lists": lambda size: b"[" * (size // 2) + b"]" * (size // 2),
    "nested objects": lambda size: b'{"a":' * (size // 7) + b"1" + b"}" * (size // 7),
    "keys": _keys,
    "one text": _repeated(b'"', b"a", b'"'),
    "one text with an emoji": _repeated('"🙂'.encode(), b"a", b'"'),
    "one text of escapes": _repeated(b'"', rb"\u00e9", b'"'),
    "long texts": _texts,
}


@dataclass(frozen=True)
class Dialect:
    """Where a value stands in the body of one."""

    path: str
    before: bytes
    after: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self, value: Callable[[int], bytes]) -> bytes:
        return self.before + value(BYTES - len(self.before) - len(self.after)) + self.after


_EVENT = {"ce-specversion": "1.0", "ce-id": "1", "ce-source": "/any", "ce-type": "any"}
_STRUCTURED = {"content-type": "application/cloudevents+json"}
_EVENT_START = b'{"specversion":"1.0","id":"1","source":"/any","type":"any",'
_TENSOR = b'{"inputs":[{"name":"text","datatype":"BYTES","shape":[64],'
_V1, _V2 = "/v1/models/lightsleeper", "/v2/models/lightsleeper"

DIALECTS: Mapping[str, Dialect] = {
    "ours": Dialect("/predict", b'{"text":', b"}"),
    "an option of ours": Dialect("/predict", b'{"text":"a","top_k":', b"}"),
    "text-embeddings-inference": Dialect("/predict", b'{"inputs":', b"}"),
    "Hugging Face": Dialect("/", b'{"inputs":', b"}"),
    "a parameter of Hugging Face": Dialect("/", b'{"inputs":"a","parameters":{"top_k":', b"}}"),
    "KServe V1": Dialect(f"{_V1}:predict", b'{"instances":', b"}"),
    "TensorFlow columns": Dialect(f"{_V1}:predict", b'{"inputs":{"text":', b"}}"),
    "TensorFlow examples": Dialect(f"{_V1}:classify", b'{"examples":', b"}"),
    "Open Inference": Dialect(f"{_V2}/infer", _TENSOR + b'"data":', b"}]}"),
    "an id of Open Inference": Dialect(f"{_V2}/infer", _TENSOR + b'"data":["a"]}],"id":', b"}"),
    "an event": Dialect("/events", b'{"text":', b"}", {**_EVENT, "content-type": "application/json"}),
    "an untyped event": Dialect("/events", b"", b"", {**_EVENT, "content-type": ""}),
    "a structured event": Dialect("/events", _EVENT_START + b'"data":', b"}", _STRUCTURED),
    "an attribute of an event": Dialect("/events", _EVENT_START + b'"data":1,"extension":', b"}", _STRUCTURED),
}


@dataclass(frozen=True)
class Body:
    """A whole request but its length."""

    path: str
    headers: Mapping[str, str]
    content: bytes


def bodies(dialect: str) -> Iterator[tuple[str, Body]]:
    """Of each value."""
    spoken = DIALECTS[dialect]
    headers = {"content-type": "application/json", **spoken.headers}
    for name, value in VALUES.items():
        yield name, Body(spoken.path, headers, spoken.body(value))


def wrapped_bodies() -> Iterator[tuple[str, Body]]:
    """What is no JSON value in a place: tensors behind the JSON, base64 inside of it."""
    head = _TENSOR + b'"parameters":{"binary_data_size":%d}}]}'
    room = BYTES - len(head) - 10
    letter = b"\x01\x00\x00\x00a"
    for name, tail in {"short texts": letter * (room // 5), "one text": b"\xff" * 4 + b"a" * (room - 4)}.items():
        json = head % len(tail)
        length = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(json))}
        yield f"{name} in a binary tensor", Body(f"{_V2}/infer", length, json + tail)
    raw = {"content-type": "application/octet-stream", "inference-header-content-length": "0"}
    yield "one raw text", Body(f"{_V2}/infer", raw, "🙂".encode() + b"a" * (BYTES - 4))
    for name, value in VALUES.items():
        encoded = b64encode(value(BYTES * 3 // 4 - 200))
        json = _EVENT_START + b'"datacontenttype":"application/json","data_base64":"%b"}' % encoded
        yield f"{name} in base64", Body("/events", _STRUCTURED, json)
