"""What a sentiment bundle does with sentences whose answer is known: failure rates by capability. Needs no torch.

The method is CheckList's (Ribeiro et al. 2020, arXiv:2005.04118): minimum functionality (the answer is known) and
invariance (the answer must not change). The sentences are in behaviours.toml.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from random import Random
from statistics import mean
from typing import Any

from lightsleeper.bulk.stream import classify_all
from lightsleeper.errors import ConfigurationError
from lightsleeper.model.head import ONE_LABEL
from lightsleeper.model.model import Model
from lightsleeper.model.prediction import softmax
from lightsleeper.training.augment import CHANGES
from lightsleeper.training.templates import Group, Templates, read_templates, slots

SUITE = Path(__file__).with_name("behaviours.toml")

#: Sentences that each pattern with words to fill makes.
_FILLS = 12
#: Fillings of a pattern whose answer must not change, and how many words or changes each is tried with.
_BASES, _VARIANTS = 3, 10
_WORST = 3
_SAME_WITHIN = 0.1


@dataclass(frozen=True)
class Case:
    """Texts that are judged together: one whose answer is known, or several that must agree."""

    texts: Sequence[str]


@dataclass(frozen=True)
class Finding:
    """One capability, measured."""

    name: str
    #: What was asked: positive, negative, not negative, neutral, same; or what was measured: spread, gap.
    asked: str
    cases: int
    failures: int
    #: Share of the cases that failed; of a spread or a gap, points of the positive score (0-100).
    value: float
    #: What the value should not exceed.
    goal: float
    #: The worst failures: each a text, or a pair, with the positive scores.
    worst: Sequence[Mapping[str, float]]

    def as_json(self) -> dict[str, Any]:
        """The finding as plain values."""
        return {
            "asked": self.asked,
            "cases": self.cases,
            "failures": self.failures,
            "value": round(self.value, 4),
            "goal": self.goal,
            "worst": [dict(example) for example in self.worst],
        }


def measure_behaviours(model: Model, *, workers: int, suite: Path = SUITE) -> list[Finding]:
    """Every capability of the suite; ConfigurationError for a model without exactly two labels."""
    if len(model.labels) != 2 or model.head.task != ONE_LABEL:  # noqa: PLR2004  # a pair
        raise ConfigurationError(
            f"the behavioural suite is about sentiment, two labels, the second one positive; "
            f"{model.bundle.manifest.model_id} has {len(model.labels)}"
        )
    templates = read_templates(suite)
    asked = [(group, _cases(templates, group)) for group in templates.groups]
    texts = list(dict.fromkeys(chain.from_iterable(case.texts for _, cases in asked for case in cases)))
    answers = classify_all(model, texts, workers=workers)
    scores = {text: softmax(answer.logits)[1] for text, answer in zip(texts, answers, strict=True)}
    return [_finding(group, cases, scores) for group, cases in asked]


def as_table(findings: Sequence[Finding], *, worst: bool = True) -> str:
    """The findings for people: a line each, and below it the worst failures."""
    width = max(len(finding.name) for finding in findings)
    lines = [f"{'':<{width}}  {'failed':>9}  {'goal':>7}  of"]
    for finding in findings:
        points = finding.asked in ("spread", "gap")
        value, goal = (
            (f"{finding.value:.1f} pts", f"{finding.goal:g} pts")
            if points
            else (f"{finding.value:.1%}", f"{finding.goal:.0%}")
        )
        over = "" if finding.value <= finding.goal else "  over"
        lines.append(f"{finding.name:<{width}}  {value:>9}  {goal:>7}  {finding.cases}{over}")
        if worst:
            lines += [f"    {score:4.0%}  {text}" for example in finding.worst for text, score in example.items()]
    return "\n".join(lines)


def _cases(templates: Templates, group: Group) -> list[Case]:
    draw = Random(group.name)  # noqa: S311  # the same sentences every time
    settings = group.settings
    if "between" in settings:
        return [case for pattern in group.texts for case in _paired(templates, pattern, settings["between"], draw)]
    if "vary" in settings or "change" in settings:
        return [case for pattern in group.texts for case in _varied(templates, pattern, settings, draw)]
    return [Case([text]) for pattern in group.texts for text in _filled(templates, pattern, draw)]


def _filled(templates: Templates, pattern: str, draw: Random) -> list[str]:
    count = _FILLS if slots(pattern) else 1
    return list(dict.fromkeys(templates.fill(pattern, draw) for _ in range(count)))


def _varied(templates: Templates, pattern: str, settings: Mapping[str, Any], draw: Random) -> Iterator[Case]:
    """A filling, and what it becomes with other words in one slot or after a change."""
    for _ in range(_BASES):
        if "change" in settings:
            text = templates.fill(pattern, draw)
            change = CHANGES[settings["change"]]
            yield from (Case([text, change(text, draw)]) for _ in range(_VARIANTS // 2))
            continue
        slot = settings["vary"]
        marked = pattern.replace("{" + slot + "}", "{}", 1)
        others = templates.fill(marked, draw)
        words = templates.words[slot]
        chosen = words if settings.get("measure") == "spread" else draw.sample(list(words), min(_VARIANTS, len(words)))
        yield Case([templates.fill(_put(others, word), draw) for word in chosen])


def _paired(templates: Templates, pattern: str, between: Sequence[str], draw: Random) -> Iterator[Case]:
    """The same filling with every word of the one list and of the other: two cases a filling."""
    for _ in range(_BASES):
        others = templates.fill(pattern, draw)
        for name in between:
            yield Case([templates.fill(_put(others, word), draw) for word in templates.words[name]])


def _put(marked: str, word: str) -> str:
    return marked.replace("{}", word, 1)


def _finding(group: Group, cases: Sequence[Case], scores: Mapping[str, float]) -> Finding:
    asked = group.settings.get("expect") or group.settings["measure"]
    goal = float(group.settings["goal"])
    if asked == "spread":
        return _spread(group.name, goal, cases, scores)
    if asked == "gap":
        means = [mean(scores[text] for case in cases[start::2] for text in case.texts) for start in (0, 1)]
        return Finding(group.name, asked, len(cases), 0, 100 * abs(means[0] - means[1]), goal, [])
    failed = sorted(
        ((wrong, case) for case in cases if (wrong := _wrong(asked, [scores[text] for text in case.texts])) > 0),
        key=lambda pair: -pair[0],
    )
    worst = [_shown(case, scores) for _, case in failed[:_WORST]]
    return Finding(group.name, asked, len(cases), len(failed), len(failed) / len(cases), goal, worst)


def _spread(name: str, goal: float, cases: Sequence[Case], scores: Mapping[str, float]) -> Finding:
    widths = [(max(values) - min(values), case) for case in cases if (values := [scores[text] for text in case.texts])]
    worst = max(widths, key=lambda pair: pair[0])[1]
    return Finding(name, "spread", len(cases), 0, 100 * mean(w for w, _ in widths), goal, [_shown(worst, scores)])


def _wrong(asked: str, scores: Sequence[float]) -> float:
    """How far the scores are from what was asked; 0 where they are not."""
    low, high = min(scores), max(scores)
    if asked == "same":
        return high - low if high - low > _SAME_WITHIN and _third(low) != _third(high) else 0.0
    too_low = {"positive": 1 / 2, "not negative": 1 / 3, "neutral": 1 / 3}.get(asked, 0.0)
    too_high = {"negative": 1 / 2, "neutral": 2 / 3}.get(asked, 1.0)
    return max(too_low - low, high - too_high, 0.0)


def _third(score: float) -> int:
    return (score >= 1 / 3) + (score > 2 / 3)


def _shown(case: Case, scores: Mapping[str, float]) -> dict[str, float]:
    """The text and its score, or the two texts that lie farthest apart."""
    ends = {min(case.texts, key=scores.__getitem__), max(case.texts, key=scores.__getitem__)}
    return {text: round(scores[text], 3) for text in sorted(ends, key=scores.__getitem__)}
