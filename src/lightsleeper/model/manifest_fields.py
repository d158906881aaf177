"""What each field of a manifest has to be before anybody reads it."""

import re
from collections.abc import Callable

from lightsleeper.model.head import TASKS

#: No control character, no line break of Unicode's, and nothing that UTF-8 cannot hold.
_LINE = re.compile("[^\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ud800-\\udfff]{1,1000}")
#: Each fine-tuning puts what was said of its encoder one level deeper.
_MAX_LEVELS = 64
#: JSON has no infinity, but 1e999.
_FAR_TOO_MUCH = 1e15
#: What is measured of a bundle, and how far it goes.
_FIGURES = {
    "rows": (0, _FAR_TOO_MUCH),
    **dict.fromkeys(("accuracy", "f1", "macro_f1", "ece"), (0, 1)),
    **dict.fromkeys(("pearson", "spearman"), (-1, 1)),
}
#: First and last token and one between; more than any encoder reads.
_SHORTEST_TOKENS, _LONGEST_TOKENS = 3, 1 << 20


def is_line(value: object) -> bool:
    """Text that may stand in a line of a log, a header or an answer."""
    return isinstance(value, str) and _LINE.fullmatch(value) is not None


def _is_labels(value: object) -> bool:
    return isinstance(value, list) and all(map(is_line, value)) and len(set(value)) == len(value) > 0


def _is_range(value: object) -> bool:
    if not isinstance(value, list) or len(value) not in (0, 2):
        return False
    numbers = [number for number in value if type(number) in (int, float) and abs(number) < _FAR_TOO_MUCH]
    return len(numbers) == len(value) and numbers == sorted(numbers)


def _is_files(value: object) -> bool:
    return isinstance(value, dict) and all(
        is_line(name)
        and isinstance(file, dict)
        and isinstance(file.get("sha256"), str)
        and re.fullmatch("[0-9a-f]{64}", file["sha256"])
        and type(file.get("bytes")) is int
        for name, file in value.items()
    )


def _is_accuracy(value: object) -> bool:
    return isinstance(value, dict) and all(
        is_line(name) and isinstance(measured, dict) and all(map(_is_figure, measured, measured.values()))
        for name, measured in value.items()
    )


def _is_figure(name: str, number: object) -> bool:
    least, largest = _FIGURES.get(name.removesuffix("_fp32"), (-_FAR_TOO_MUCH, _FAR_TOO_MUCH))
    return type(number) in (int, float) and least <= number <= largest  # type: ignore[operator]  # a number


def _is_shallow(value: object, levels: int = _MAX_LEVELS) -> bool:
    """Whether it is nested no deeper than what copies and serialises it can follow."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_is_shallow(each, levels - 1) for each in inner)


def _is_object(value: object) -> bool:
    return isinstance(value, dict) and _is_shallow(value)


def _is_behaviours(value: object) -> bool:
    return isinstance(value, dict) and all(
        is_line(name)
        and isinstance(found, dict)
        and is_line(found.get("asked"))
        and all(
            type(found.get(figure)) in (int, float) and abs(found[figure]) < _FAR_TOO_MUCH
            for figure in ("cases", "failures", "value", "goal")
        )
        and 0 <= found["failures"] <= found["cases"]
        and isinstance(found.get("worst"), list)
        and all(isinstance(example, dict) for example in found["worst"])
        and _is_shallow(found)
        for name, found in value.items()
    )


#: What each field has to be; the rest of its meaning shows when the model answers its first text.
KINDS: dict[str, tuple[Callable[[object], object], str]] = {
    **dict.fromkeys(("model_id", "revision", "architecture"), (is_line, "a line of text")),
    "behaviours": (
        _is_behaviours,
        "findings: asked, cases, failures, value, goal and worst",
    ),
    "languages": (
        lambda value: isinstance(value, list) and all(map(is_line, value)),
        "a list of language tags",
    ),
    "labels": (_is_labels, "a list of different names"),
    "task": (lambda value: value in TASKS, f"one of {', '.join(TASKS)}"),
    "score_range": (_is_range, "empty, or the least and the largest score"),
    "max_tokens": (
        lambda value: type(value) is int and _SHORTEST_TOKENS <= value <= _LONGEST_TOKENS,
        "a number of tokens",
    ),
    "pad_token_id": (lambda value: type(value) is int and 0 <= value < 1 << 31, "the id of a token"),
    "files": (_is_files, "file names, each with sha256 and bytes"),
    "accuracy": (_is_accuracy, "data sets, each with what was measured on it, an accuracy from 0 to 1"),
    **dict.fromkeys(("quantization", "made_by"), (_is_object, f"an object of at most {_MAX_LEVELS} levels")),
}
