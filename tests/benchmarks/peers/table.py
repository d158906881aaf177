"""The records as markdown: who is how fast, how large and how right, and how many times ours is the best of them."""

import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from peers.results import Record

#: As accurate: no further behind than two of SST-2's 872 sentences.
_AS_ACCURATE = 0.0025
_HEADLINE = "short 32"
_YES = {True: "yes", False: "no"}
_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8")


def tables(records: Sequence[Record], ours: str, plain: str) -> str:
    """One table to quote, the loads in detail, ratios, and who could not be run."""
    ran = [record for record in records if record.rounds]
    cores = sorted({count for record in ran for count in record.rounds})
    parts = [
        f"{cpu()}; medians of up to {_rounds(ran)} rounds in turn, least to most in brackets",
        _overview(ran, cores),
    ]
    parts += [_detail(ran, count, texts) for count in cores for texts in _texts(ran, count)]
    parts += [line for count in cores for line in _ratios(ran, count, ours, plain)]
    parts += [f"Not run: {record.name}: {record.failed}" for record in records if record.failed]
    return "\n\n".join(parts)


def _overview(records: Sequence[Record], cores: Sequence[int]) -> str:
    columns: list[tuple[str, Callable[[Record], str]]] = [
        ("right", lambda it: "" if it.accuracy is None else f"{it.accuracy:.1%}"),
        ("exec → first answer, s", lambda it: _spread(_each(it, cores, "wake_s"))),
        ("resident MB", lambda it: _spread(_each(it, cores[:1], "resident_mb"))),
        ("installed MB", lambda it: f"{it.installed_mb:.0f}"),
    ]
    for count in cores:
        columns += [
            (f"texts/s, {_cores(count)}", _figure(count, "per_s")),
            ("p50 ms", _figure(count, "p50_ms")),
            ("p99 ms", _figure(count, "p99_ms")),
            ("CPU-s per 1,000", _figure(count, "cpu_s_per_1000")),
        ]
    return _markdown(
        [(record.name, [show(record) for _, show in columns]) for record in records], [n for n, _ in columns]
    )


def _detail(records: Sequence[Record], cores: int, texts: str) -> str:
    loads = sorted(
        {int(point.split()[1]) for it in records for point in _points(it, cores) if point.startswith(f"{texts} ")}
    )
    rows = [(it.name, [_load(it, cores, f"{texts} {load}") for load in loads]) for it in records]
    title = f"{texts} texts, {_cores(cores)}: texts/s (p50, p99 ms) by requests in flight"
    return f"{title}\n\n{_markdown(rows, [str(load) for load in loads])}"


def _load(record: Record, cores: int, point: str) -> str:
    found = [record.values(cores, point, figure) for figure in ("per_s", "p50_ms", "p99_ms")]
    if all(found):
        return "{:.3g} ({:.3g}, {:.3g})".format(*map(statistics.median, found))
    refused = [each.points[point].refused for each in record.rounds.get(cores, []) if point in each.points]
    return refused[0][:60] if refused else ""


def _ratios(records: Sequence[Record], cores: int, ours: str, plain: str) -> Iterable[str]:
    """Ours against the plain way and against the fastest of those that answer as accurately, round by round."""
    by_name = {record.name: record for record in records}
    mine = by_name.get(ours)
    rivals = [it for it in records if mine and it.name != ours and _as_accurate(it, mine)]
    rivals = [it for it in rivals if it.values(cores, _HEADLINE, "per_s")]
    if mine is None or not rivals:
        return
    best = max(rivals, key=lambda it: statistics.median(it.values(cores, _HEADLINE, "per_s")))
    for rival, what in ((by_name.get(plain), "the plain way"), (best, f"the best as accurate, {best.name}")):
        if rival is not None and rival.values(cores, _HEADLINE, "per_s"):
            speed = _paired(mine, rival, cores, "per_s")
            work = [1 / ratio for ratio in _paired(mine, rival, cores, "cpu_s_per_1000")]
            yield (
                f"{_cores(cores)}, 32 in flight, short: {_spread(speed)} times the texts/s of {what}, "
                f"{_spread(work)} times as many texts per CPU-second"
            )


def _paired(mine: Record, rival: Record, cores: int, figure: str) -> list[float]:
    both = zip(mine.values(cores, _HEADLINE, figure), rival.values(cores, _HEADLINE, figure), strict=False)
    return [my / their for my, their in both]


def _as_accurate(rival: Record, mine: Record) -> bool:
    if rival.accuracy is None or mine.accuracy is None:
        return rival.same_weights
    return rival.accuracy >= mine.accuracy - _AS_ACCURATE


def _figure(cores: int, figure: str) -> Callable[[Record], str]:
    return lambda it: _spread(it.values(cores, _HEADLINE, figure))


def _each(record: Record, cores: Sequence[int], figure: str) -> list[float]:
    return [getattr(each, figure) for count in cores for each in record.rounds.get(count, [])]


def _spread(values: Sequence[float]) -> str:
    """The median, with the least and the most of several."""
    if not values:
        return ""
    middle = f"{statistics.median(values):.3g}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.3g}–{max(values):.3g})"


def _texts(records: Sequence[Record], cores: int) -> list[str]:
    return list(dict.fromkeys(point.split()[0] for record in records for point in _points(record, cores)))


def _points(record: Record, cores: int) -> list[str]:
    return [point for each in record.rounds.get(cores, []) for point in each.points]


def _rounds(records: Sequence[Record]) -> int:
    return max((len(rounds) for record in records for rounds in record.rounds.values()), default=0)


def _cores(count: int) -> str:
    return f"{count} core{'s' * (count > 1)}"


def _markdown(rows: Iterable[tuple[str, Sequence[str]]], columns: Sequence[str]) -> str:
    head = [f"| | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    return "\n".join([*head, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows)])


def cpu() -> str:
    """The processor, and which of the instructions that int8 and bfloat16 live on it has."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model, flags = (re.search(rf"^{name}\s*:\s*(.*)$", text, re.MULTILINE) for name in ("model name", "flags"))
    has = set(flags[1].split()) if flags else set()
    return f"{model[1] if model else 'CPU unknown'}: {', '.join(f'{flag} {_YES[flag in has]}' for flag in _FLAGS)}"
