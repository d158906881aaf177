"""Fields of a request that is read by hand: the first that is wrong ends it, with its name and what was meant."""

from collections.abc import Collection, Mapping, Sequence
from itertools import islice
from typing import Any

from lightsleeper.errors import InvalidInput, shortened

#: What other APIs call the texts.
_TEXT_NAMES = {
    *("text", "texts", "input", "inputs", "instance", "instances", "sentence", "sentences", "content", "data"),
    *("document", "documents", "prompt", "query", "review", "message", "string", "strings", "body"),
}

#: As much of a name as is compared with others: difflib takes long over more.
_COMPARED_CHARS = 100

#: difflib's ratio from which on a name is a slip of another's: `topk`, `truncat`, `raw_score`, not `padding`.
_NEAR = 0.8
#: Names that are looked at for a slip: a tenth of a millisecond each, of which 16 kB hold a thousand.
_LOOKED_AT = 20


def mapping(value: object, name: str) -> Mapping[str, Any]:
    """`value`, if it is a JSON object."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{name} must be a JSON object", field=None if name == "the body" else name)
    return value


def options(fields: Mapping[str, Any], name: str, within: str = "") -> Mapping[str, Any]:
    """The object of that name; without it, or for null, an empty one. `within` stands before its name in errors."""
    value = fields.get(name)
    return {} if value is None else mapping(value, f"{within}{name}")


def flag(fields: Mapping[str, Any], name: str, *, default: bool) -> bool:
    """The boolean of that name; null is the default."""
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be true or false", field=name)
    return value


def count(fields: Mapping[str, Any], name: str) -> int | None:
    """The whole number from 1 on of that name; null is None."""
    value = whole(fields.get(name))
    if value is None:
        return None
    if type(value) is not int or value < 1:
        raise InvalidInput(f"{name} must be a whole number from 1 on", field=name, limit=1)
    return value


def whole(value: object) -> object:
    """The same, but 1 for 1.0: so it comes from whose numbers are all doubles (Gson's maps, Vertex AI's protobuf)."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def share(fields: Mapping[str, Any], name: str) -> float | None:
    """The number from 0 to 1 of that name; null is None."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
        raise InvalidInput(f"{name} must be a number from 0 to 1", field=name, limit=1)
    return float(value)


def choice(fields: Mapping[str, Any], name: str, values: Sequence[str]) -> str:
    """The one of `values` under that name; null is the first."""
    value = fields.get(name)
    if value is None:
        return values[0]
    if value not in values:
        raise InvalidInput(f"{name} must be one of {', '.join(values)}", field=name)
    return str(value)


def required(fields: Mapping[str, Any], name: str, within: str = "") -> Any:  # noqa: ANN401  # JSON is anything
    """The field of that name; InvalidInput naming what was sent in its place, if anything was. `within` as above."""
    if name in fields:
        return fields[name]
    other = next((other for other in fields if other.lower() in _TEXT_NAMES), None)
    sent = f"; {other!r} was sent: did you mean {name!r}?" if other else ""
    raise InvalidInput(f"{within}{name} is missing{sent}", field=within + name)


def refuse_slips(fields: Mapping[str, Any], known: Collection[str], parameters: Collection[str] = ()) -> None:
    """InvalidInput for a name that is nearly one of `known`, or one of `parameters`, which stand one level deeper.

    Others are their servers' business and pass.
    """
    for name in islice((name for name in fields if name not in known), _LOOKED_AT):
        if name in parameters:
            raise InvalidInput(f"unknown field {name!r}: did you mean {name!r} in 'parameters'?", field=name)
        if meant := near(name, known):
            raise unknown(name, meant)


def unknown(name: str, meant: str | None = None) -> InvalidInput:
    """There is no field `name`; perhaps `meant` was. The start of a long name is said once: it names no field."""
    hint = f": did you mean {meant!r}?" if meant else ""
    shown = shortened(name)
    return InvalidInput(f"unknown field {shown!r}{hint}", field=name if shown == name else None)


def near(name: str, known: Collection[str], text: str | None = None) -> str | None:
    """The one of `known` that `name` nearly is, or `text` where it nearly is what others call the texts."""
    from difflib import get_close_matches  # noqa: PLC0415  # only a mistake needs it

    names = (*known, *_TEXT_NAMES) if text else known
    found = next(iter(get_close_matches(name[:_COMPARED_CHARS].lower(), names, 1, _NEAR)), None)
    return found if found is None or found in known else text
