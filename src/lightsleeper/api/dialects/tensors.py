"""The Open Inference Protocol's bodies: JSON, and tensors behind it in binary.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md: a JSON head, whose
length a header tells, then the tensors in the order of the head, numbers little-endian, row by row.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

from pydantic_core import to_json

from lightsleeper.api.asgi import Request
from lightsleeper.api.body import load_json
from lightsleeper.api.dialects.model_names import served_name
from lightsleeper.api.fields import flag, mapping, options, refuse_slips, required, share, whole
from lightsleeper.api.predict_request import Limits, check_texts
from lightsleeper.errors import InvalidInput, shortened
from lightsleeper.model.head import Head

#: Bytes of the JSON head of a body that has tensors behind it.
LENGTH_HEADER = "inference-header-content-length"

_DEFAULT_OUTPUTS = ("label", "selected", "scores")

#: Of a BYTES element's length.
_LENGTH_BYTES = 4

#: An id comes back in the answer: enough for any that somebody makes, too little to echo a text with.
_MAX_ID_CHARS = 256

#: Eleven days: a number that a float cannot hold means no more.
_MAX_TIMEOUT_US = 10**12

_FIELDS = ("id", "model_name", "model_version", "parameters", "inputs", "outputs")
_PARAMETERS = ("truncate", "raw_scores", "timeout", "threshold", "binary_data_output")


class Output(NamedTuple):
    """How one output is wanted."""

    binary: bool
    #: The classification extension: so many of the best labels as text; 0 for numbers.
    classes: int = 0


class Asked(NamedTuple):
    """What an infer request asks for."""

    id: str
    texts: list[str]
    outputs: Mapping[str, Output]
    truncate: bool = True
    raw_scores: bool = False
    timeout_s: float | None = None
    #: From which score on a label is selected, where any number of them may be.
    threshold: float | None = None


class Tensor(NamedTuple):
    """One output, its values row by row."""

    name: str
    datatype: str
    shape: list[int]
    values: Sequence[str] | Sequence[float] | Sequence[bool]
    binary: bool


def outputs_of(head: Head) -> tuple[str, ...]:
    """What a model with that head can be asked for: one output has no label, and one label needs no selection."""
    labels = () if head.one_output else ("label", "selected") if head.many_labels else ("label",)
    return (*labels, "scores", "logits", "truncated")


def parse_infer(body: bytes, request: Request) -> Asked:
    """The request in `body`; InvalidInput naming what is wrong."""
    limits: Limits = request.state.limits
    length = request.headers.get(LENGTH_HEADER)
    if length is None:
        return _parse(load_json(body, limits.max_texts), b"", limits, request)
    if not length.isdecimal() or len(length) > len(str(len(body))) or int(length) > len(body):
        raise InvalidInput(f"{LENGTH_HEADER} must be the length of the JSON in the body", field=LENGTH_HEADER)
    if int(length) == 0:  # a raw request: all of the body is one text
        everything = {name: Output(binary=True) for name in _default_outputs(request.state.head)}
        return Asked(str(uuid4()), _checked([_decoded(body, "the body")], limits), everything)
    return _parse(load_json(body[: int(length)], limits.max_texts), body[int(length) :], limits, request)


def write_infer(head: dict[str, Any], tensors: Sequence[Tensor]) -> tuple[bytes, int | None]:
    """The body of an answer, and the length of its JSON if tensors follow it."""
    outputs, parts = [], []
    for tensor in tensors:
        described: dict[str, Any] = {"name": tensor.name, "datatype": tensor.datatype, "shape": tensor.shape}
        if tensor.binary:
            parts.append(_pack(tensor))
            described["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            described["data"] = tensor.values
        outputs.append(described)
    content = to_json({**head, "outputs": outputs})
    return (content + b"".join(parts), len(content)) if parts else (content, None)


def _default_outputs(head: Head) -> list[str]:
    return [name for name in _DEFAULT_OUTPUTS if name in outputs_of(head)]


def _parse(value: object, tail: bytes, limits: Limits, request: Request) -> Asked:
    fields = mapping(value, "the body")
    refuse_slips(fields, _FIELDS, _PARAMETERS)
    parameters = options(fields, "parameters")
    refuse_slips(parameters, _PARAMETERS)
    return Asked(
        _id(fields),
        _checked(_texts(required(fields, "inputs"), tail, limits), limits),
        _outputs(fields, request, binary=flag(parameters, "binary_data_output", default=False)),
        truncate=flag(parameters, "truncate", default=True),
        raw_scores=flag(parameters, "raw_scores", default=False),
        timeout_s=_timeout_s(parameters),
        threshold=share(parameters, "threshold"),
    )


def _id(fields: Mapping[str, Any]) -> str:
    """The request's own, else a new one: KServe's client needs one in the answer."""
    sent = fields.get("id")
    if sent is None or sent == "":
        return str(uuid4())
    if not isinstance(sent, str) or len(sent) > _MAX_ID_CHARS:
        raise InvalidInput(f"id must be a string of at most {_MAX_ID_CHARS} characters", field="id")
    return sent


def _timeout_s(parameters: Mapping[str, Any]) -> float | None:
    """Triton's `timeout` is in microseconds; 0 is none."""
    timeout = _whole_number(parameters, "timeout", "timeout must be a whole number of microseconds")
    return min(timeout, _MAX_TIMEOUT_US) / 1e6 if timeout else None


def _whole_number(parameters: Mapping[str, Any], name: str, wrong: str) -> int:
    """From 0 on; null is 0."""
    value = whole(parameters.get(name))
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise InvalidInput(wrong, field=name)
    return value


def _texts(inputs: object, tail: bytes, limits: Limits) -> list[str]:
    if not isinstance(inputs, list) or len(inputs) != 1:
        raise InvalidInput("inputs must be a list of one tensor, the texts", field="inputs")
    tensor = mapping(inputs[0], "inputs[0]")
    name = tensor.get("name", "inputs[0]")
    if not isinstance(name, str):
        raise InvalidInput("inputs[0].name must be a string", field="name")
    name = shortened(name)
    if tensor.get("datatype") != "BYTES":
        raise InvalidInput(f"input {name!r}: datatype must be BYTES", field="datatype")
    parameters = options(tensor, "parameters", "inputs[0].")
    if parameters.get("content_type") == "base64":
        raise InvalidInput(f"input {name!r}: content_type base64 is not read, send the texts", field="content_type")
    size = parameters.get("binary_data_size")
    if size is None:
        if tail:
            raise InvalidInput(f"{len(tail)} bytes follow the JSON that no tensor has", field=LENGTH_HEADER)
        texts = _flat(required(tensor, "data"), name)
    else:
        if type(size) is not int or size != len(tail):
            raise InvalidInput(
                f"input {name!r}: binary_data_size is not the {len(tail)} bytes that follow the JSON",
                field="binary_data_size",
            )
        texts = list(_unpack(tail, name, limits))
    if len(texts) <= limits.max_texts:  # how many there are of too many is not known
        _check_shape(tensor.get("shape"), len(texts), name)
    return texts


def _flat(data: object, name: str) -> list[str]:
    """`["a", "b"]`, or a row for each text: `[["a"], ["b"]]`."""
    if not isinstance(data, list):
        raise InvalidInput(f"input {name!r}: data must be a list of texts", field="data")
    texts = [item[0] if isinstance(item, list) and len(item) == 1 else item for item in data]
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise InvalidInput(f"input {name!r}: data[{index}] must be a text", field=f"data[{index}]")
    return texts


def _check_shape(shape: object, texts: int, name: str) -> None:
    """`[n]` or `[n, 1]`."""
    if shape not in ([texts], [texts, 1]) or any(type(length) is not int for length in shape):
        raise InvalidInput(f"input {name!r}: shape must be [{texts}] or [{texts}, 1], as many as texts", field="shape")


def _unpack(data: bytes, name: str, limits: Limits) -> Iterator[str]:
    """The elements of a BYTES tensor; one more than a request may have ends it."""
    at = 0
    found = 0
    while at < len(data) and found <= limits.max_texts:
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "little")
        if start > len(data) or at > len(data):
            raise InvalidInput(f"input {name!r}: the binary data ends inside of text {found}", field="inputs[0]")
        yield _decoded(data[start:at], f"input {name!r}: text {found}")
        found += 1


def _decoded(text: bytes, name: str) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8", code="not_utf8", field="inputs[0]") from None


def _checked(texts: list[str], limits: Limits) -> list[str]:
    check_texts(texts, limits, "inputs[0]")
    return texts


def _outputs(fields: Mapping[str, Any], request: Request, *, binary: bool) -> dict[str, Output]:
    head: Head = request.state.head
    known, model = outputs_of(head), served_name(request)
    asked = fields.get("outputs")
    if asked is None or asked == []:
        asked = [{"name": name} for name in _default_outputs(head)]
    if not isinstance(asked, list) or len(asked) > len(known):
        raise InvalidInput(f"outputs must be a list of some of {', '.join(known)}", field="outputs")
    outputs: dict[str, Output] = {}
    for index, each in enumerate(asked):
        output = mapping(each, f"outputs[{index}]")
        name = output.get("name")
        if not isinstance(name, str):
            raise InvalidInput(f"outputs[{index}].name must be a string", field="outputs")
        if name not in known or name in outputs:
            twice = ": it is asked for twice" if name in outputs else ""
            shown = shortened(name)
            raise InvalidInput(f"unexpected inference output {shown!r} for model {model!r}{twice}", field="output")
        outputs[name] = _output(options(output, "parameters", f"outputs[{index}]."), name, binary)
    return outputs


def _output(parameters: Mapping[str, Any], name: str, binary: bool) -> Output:  # noqa: FBT001  # the only caller names it
    classes = _whole_number(parameters, "classification", f"output {name!r}: classification must be a whole number")
    if classes and name not in {"scores", "logits"}:
        raise InvalidInput(f"output {name!r} has no classes: ask for those of scores", field="classification")
    return Output(flag(parameters, "binary_data", default=binary), classes)


def _pack(tensor: Tensor) -> bytes:
    if tensor.datatype == "BYTES":
        elements = [str(value).encode() for value in tensor.values]
        return b"".join(len(element).to_bytes(_LENGTH_BYTES, "little") + element for element in elements)
    code = {"FP32": "f", "BOOL": "?"}[tensor.datatype]
    return struct.pack(f"<{len(tensor.values)}{code}", *tensor.values)
