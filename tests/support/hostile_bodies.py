"""Bodies of the largest size allowed that hold as much as it can of one thing."""

from collections.abc import Mapping

BYTES = 2_000_000


def _filled(start: bytes, unit: bytes, end: bytes) -> bytes:
    return start + unit * ((BYTES - len(start) - len(end)) // len(unit)) + end


#: By what they are full of; every one of them is refused.
BODIES: Mapping[str, bytes] = {
    "numbers": _filled(b'{"text":[1', b",1", b"]}"),
    "long numbers": _filled(b'{"text":[1', b",1234567890123456789012345678901234567890", b"]}"),
    "one number": _filled(b'{"text":', b"1", b"}"),
    "one fraction": _filled(b'{"text":0.', b"1", b"}"),
    "one exponent": _filled(b'{"text":1e', b"1", b"}"),
    "nulls": _filled(b'{"text":[null', b",null", b"]}"),
    "empty texts": _filled(b'{"text":[""', b',""', b"]}"),
    "short texts": _filled(b'{"text":["a"', b',"ab"', b"]}"),
    "texts under top_k": _filled(b'{"text":"x","top_k":["a"', b',"ab"', b"]}"),
    "unknown keys": b"{%b}" % b",".join(b'"k%d":1' % number for number in range(170_000)),
    "one unknown key over and over": _filled(b'{"text":"x"', b',"k":1', b"}"),
    "one known key over and over": _filled(b'{"text":"x"', b',"text":"x"', b"}"),
    "one long key": _filled(b'{"', b"k", b'":1}'),
    "empty lists": _filled(b'{"text":[[]', b",[]", b"]}"),
    "lists of one": _filled(b'{"text":[[1]', b",[1]", b"]}"),
    "empty objects": _filled(b'{"text":[{}', b",{}", b"]}"),
    "objects of one": _filled(b'{"text":[{"a":1}', b',{"a":1}', b"]}"),
    "nested lists": b'{"text":' + b"[" * 990_000 + b"]" * 990_000 + b"}",
    "nested objects": b'{"text":' + b'{"a":' * 330_000 + b"1" + b"}" * 330_000 + b"}",
    "opened lists": _filled(b"", b"[", b""),
    "opened objects": _filled(b"", b'{"a":', b""),
    "closed lists": _filled(b"", b"]", b""),
    "commas": _filled(b"[", b",", b"]"),
    "quotes": _filled(b"", b'"', b""),
    "white space": _filled(b'{"text":1', b" ", b"}"),
    "escaped backslashes": _filled(b'{"text":"', rb"\\", b'"}'),
    "escaped quotes": _filled(b'{"text":"', rb"\"", b'"}'),
    "backslashes outside of strings": _filled(b'{"text":', b"\\", b"}"),
    "escaped letters": _filled(b'{"text":"', rb"\u00e9", b'"}'),
    "surrogate pairs": _filled(b'{"text":"', rb"\ud83d\ude00", b'"}'),
    "a lone surrogate at the end": _filled(b'{"text":"', rb"\u00e9", rb'\ud800"}'),
    "lone surrogates": _filled(b'{"text":["x"', rb',"\udc00"', b"]}"),
    "emoji": _filled(b'{"text":"', "🙂".encode(), b'"}'),
    "letters and one emoji": _filled('{"text":"🙂'.encode(), b"a", b'"}'),
    "bytes that are no UTF-8": _filled(b'{"text":"', b"\xff", b'"}'),
    "zeros": _filled(b"", b"\x00", b""),
    "a string without an end": _filled(b'{"text":"', b"a", b""),
}
