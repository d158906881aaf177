"""The fields of a manifest: each has its kind and its range, and is named where it has not."""

import json
from pathlib import Path
from typing import Any

import pytest

from lightsleeper.errors import BundleError
from lightsleeper.model.bundle import EMBEDDED, parse_manifest

STRANGE: list[object] = [None, 0, -1, True, 1.5, "", "\0", "a\nb", "\ud800", [], [None], {"a": None}, [[]]]


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {}
    for _ in range(levels):
        inner = {"in": inner}
    return inner


def manifest_with(**fields: object) -> bytes:
    return json.dumps({**json.loads((EMBEDDED / "bundle.json").read_text()), **fields}).encode()


def refusal_of(raw: bytes) -> str:
    with pytest.raises(BundleError) as refused:
        parse_manifest(raw, Path("some-bundle"))
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 1_000
    return refused.value.message


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize(
    "name", ["model_id", "revision", "task", "labels", "architecture", "max_tokens", "files", "accuracy"]
)
def test_a_field_of_the_wrong_kind_is_named(name: str, value: object) -> None:
    assert name in refusal_of(manifest_with(**{name: value}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pad_token_id", -1),
        ("pad_token_id", 1 << 40),
        ("max_tokens", 10**30),
        ("labels", ["A"]),
        ("labels", ["A", "A"]),
        ("labels", ["A", 1]),
        ("accuracy", {"data": {"rows": 1e300}}),
        ("accuracy", {"data": {"rows": -1}}),
        ("accuracy", {"data": {"accuracy": 1.01}}),
        ("accuracy", {"data": {"accuracy_fp32": -0.5}}),
        ("accuracy", {"data": {"accuracy": True}}),
        ("accuracy", {"data": {"pearson": -2}}),
        ("accuracy", {"a\nb": {"accuracy": 1}}),
        ("score_range", [0, 1]),
        ("quantization", []),
        ("made_by", nested(100)),
        ("files", {"model.onnx": {"sha256": "0" * 64}}),
        ("files", {"model.onnx": {"sha256": None, "bytes": 1}}),
        ("files", {"model.onnx": {"sha256": "g" * 64, "bytes": 1}}),
        ("files", {"model.onnx": {"sha256": "0" * 64, "bytes": "1"}}),
        ("files", {"model.onnx": None}),
    ],
)
def test_a_value_that_cannot_be_right_is_refused(name: str, value: object) -> None:
    assert name in refusal_of(manifest_with(**{name: value}))


@pytest.mark.parametrize("value", [None, "en", [1], {"en": 1}, ["\n"]])
def test_languages_are_a_list_of_tags(value: object) -> None:
    assert "languages" in refusal_of(manifest_with(languages=value))


@pytest.mark.parametrize(
    "value",
    [
        *(None, [], {"a": None}, {"a": {}}, {"a": {"asked": "same", "cases": "many"}}),
        {"a": {"asked": "same", "cases": 3, "failures": 4, "value": 0, "goal": 0, "worst": []}},
        {"a": {"asked": "same", "cases": 3, "failures": -1, "value": 0, "goal": 0, "worst": []}},
    ],
)
def test_behaviours_are_findings_by_capability(value: object) -> None:
    assert "behaviours" in refusal_of(manifest_with(behaviours=value))


def test_a_bundle_may_say_nothing_of_languages_and_behaviours() -> None:
    manifest = json.loads(manifest_with())
    for name in ("languages", "behaviours"):
        manifest.pop(name, None)
    silent = parse_manifest(json.dumps(manifest).encode(), Path("some-bundle"))
    assert (silent.languages, silent.behaviours) == ((), {})


def test_a_number_beyond_all_numbers_is_refused() -> None:
    assert "max_tokens" in refusal_of(manifest_with(max_tokens="X").replace(b'"X"', b"1e999"))
    assert "not JSON" in refusal_of(manifest_with(max_tokens="X").replace(b'"X"', b"Infinity"))


@pytest.mark.parametrize("value", [7, "x" * 5_000, [[[[[[[[1]]]]]]]]])
def test_a_refusal_says_what_was_found_and_what_was_expected(value: object) -> None:
    said = refusal_of(manifest_with(max_tokens=[value]))
    assert "bundle.json: max_tokens is [" in said
    assert said.endswith(", not a number of tokens")
