"""Requests, in order: from a recorded trace, or random ones of a given rate. Never all in memory."""

import csv
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from lightsleeper.capacity.plan.fleet import Floats
from lightsleeper.errors import ConfigurationError, shortened

#: Arrival times in seconds and sizes in texts, of a piece of the time.
Arrivals = tuple[Floats, Floats]

LONGEST_H = 31 * 24
HIGHEST_RATE = 200_000
_MOST_TEXTS = 64
_PIECE = 20_000
_LONGEST_LINE = 1000
#: Of equally good ones the first: a spreadsheet writes semicolons where commas are for decimals.
_DELIMITERS = (",", ";", "\t")
#: No trace counts so many seconds from its start: they are counted from 1970.
_EPOCH_FROM_S = 1e8
#: Nor does one lie 3,000 years ahead: they are milliseconds, or less.
_MILLISECONDS_FROM = 1e11
#: A comma stands before three digits, or nobody knows whether it is a point.
_RATE = re.compile(r"\s*(-?(?:\d{1,3}(?:,\d{3})+|[\d_]*)(?:\.\d*)?)\s*(?:/|per)\s*([a-z]+)\s*")
_DAY_S = 86400.0
_UNITS_S = {"s": 1, "sec": 1, "second": 1, "m": 60, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": _DAY_S}


@dataclass(frozen=True)
class Burst:
    """More requests for a while."""

    rate: float
    from_s: float
    length_s: float


def parse_rate(written: str) -> float:
    """`500/s`, `30000/min`, `12/h` or `5000/day`, in requests per second; ConfigurationError for what is no rate."""
    found = _RATE.fullmatch(written.lower())
    try:
        rate = float(found[1].replace(",", "").replace("_", "")) / _UNITS_S[found[2]] if found else math.nan
    except (KeyError, ValueError):
        rate = math.nan
    if not 0 <= rate <= HIGHEST_RATE:
        raise ConfigurationError(f"rate {shortened(written)!r}: as in 500/s, 300/min, 12/h; 0 to {HIGHEST_RATE:,}/s")
    return rate


def parse_burst(written: str) -> Burst:
    """`400/s@09:00+30s`: that rate on top, from then on, for so long; ConfigurationError for what is no burst."""
    found = re.fullmatch(r"(.+)@(.+)\+(.+)", written.strip())
    if not found:
        raise ConfigurationError(f"burst {shortened(written)!r}: as in 400/s@09:00+30s, RATE@START+LENGTH")
    burst = Burst(parse_rate(found[1]), parse_clock(found[2]), parse_duration(found[3]))
    if not burst.length_s:
        raise ConfigurationError(f"burst {shortened(written)!r} lasts no time")
    return burst


def parse_clock(written: str) -> float:
    """`09:00` or `09:00:30`, in seconds from midnight; or a duration, as `parse_duration`, from the start."""
    parts = written.strip().split(":")
    if len(parts) in (2, 3) and all(part.isdecimal() for part in parts) and all(int(part) < 60 for part in parts[1:]):  # noqa: PLR2004  # minutes and seconds
        hours, minutes, *seconds = (int(part) for part in parts)
        if hours <= LONGEST_H:
            return float(3600 * hours + 60 * minutes + sum(seconds))
    return parse_duration(written)


def parse_duration(written: str) -> float:
    """Seconds, or as Go and Knative write them: `1m30s`, `1.5h`, `90s`; ConfigurationError for what is none."""
    parts = re.findall(r"([\d.]+)(h|ms|m|s)", written.strip())
    try:
        if parts and "".join(map("".join, parts)) == written.strip():
            return sum(float(number) * {"h": 3600, "m": 60, "s": 1, "ms": 1e-3}[unit] for number, unit in parts)
        seconds = float(written)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds < math.inf:
        raise ConfigurationError(f"{shortened(written)!r} is no length of time: as in 90s, 1m30s, 1.5h")
    return seconds


def parse_between(written: str) -> tuple[float, float]:
    """`07:00-23:00`, in seconds from midnight; ConfigurationError for what lies not within one day."""
    begin, _, end = written.partition("-")
    found = parse_clock(begin), parse_clock(end)
    if not found[0] < found[1] <= _DAY_S:
        raise ConfigurationError(f"between {shortened(written)!r}: as in 07:00-23:00, within one day")
    return found


@dataclass(frozen=True)
class RandomTraffic:
    """Poisson arrivals at a constant rate, in some hours of the day, with bursts on top."""

    rate: float
    hours: float = 24
    between_s: tuple[float, float] = (0.0, _DAY_S)
    bursts: tuple[Burst, ...] = ()
    texts: int = 1
    seed: int = 1

    def __post_init__(self) -> None:
        """ConfigurationError for what would be no traffic, or without end."""
        if not 0 < self.hours <= LONGEST_H:
            raise ConfigurationError(f"hours must be above 0 and at most {LONGEST_H}, not {self.hours:g}")
        if not 1 <= self.texts <= _MOST_TEXTS:
            raise ConfigurationError(f"texts must be 1 to {_MOST_TEXTS}, not {self.texts}")
        if self.seed < 0:
            raise ConfigurationError(f"seed must be 0 or more, not {self.seed}")
        for begins_s, what in [(self.between_s[0], "between"), *((burst.from_s, "burst") for burst in self.bursts)]:
            if begins_s >= self.length_s:
                begins = f"{what} begins {begins_s:,.0f} s after the start"
                raise ConfigurationError(f"{begins}, and {self.hours:g} hours are over by then")

    @property
    def length_s(self) -> float:
        """How long it lasts."""
        return self.hours * 3600

    def pieces(self) -> Iterator[Arrivals]:
        """The same ones every time."""
        dice = np.random.default_rng(self.seed)
        for begin_s, end_s in pairwise(sorted(self._changes())):
            rate = self._rate_at((begin_s + end_s) / 2)
            steps = max(1, math.ceil((end_s - begin_s) * rate / _PIECE))
            for step in range(steps if rate else 0):
                length_s = (end_s - begin_s) / steps
                many = dice.poisson(rate * length_s)
                at_s = np.sort(dice.uniform(0, length_s, many)) + begin_s + step * length_s
                yield at_s, np.full(many, float(self.texts))

    def _changes(self) -> set[float]:
        days = range(math.ceil(self.hours / 24))
        changes = {0.0, self.length_s} | {_DAY_S * day + edge for day in days for edge in self.between_s}
        changes |= {edge for burst in self.bursts for edge in (burst.from_s, burst.from_s + burst.length_s)}
        return {change for change in changes if change <= self.length_s}

    def _rate_at(self, at_s: float) -> float:
        base = self.rate if self.between_s[0] <= at_s % _DAY_S < self.between_s[1] else 0.0
        return base + sum(each.rate for each in self.bursts if each.from_s <= at_s < each.from_s + each.length_s)


@dataclass(frozen=True)
class Trace:
    """A row a request, with commas, semicolons or tabs: `time` (seconds, or ISO 8601) and, if there is one, `texts`."""

    file: Path

    #: Unknown until it is read: until nothing is left to do.
    length_s: float | None = None

    def pieces(self) -> Iterator[Arrivals]:
        """ConfigurationError names the row that cannot be right."""
        times: list[float] = []
        sizes: list[float] = []
        begin_s = last_s = -math.inf
        for row, (at_s, texts) in self._rows():
            if begin_s == -math.inf:
                begin_s = float(math.floor(at_s)) if at_s >= _EPOCH_FROM_S else 0.0
            if at_s < last_s:
                raise self._fault(row, "is earlier than the row before: sort the file by time")
            if at_s - begin_s > LONGEST_H * 3600:
                raise self._fault(row, f"is more than {LONGEST_H // 24} days after the start")
            last_s = at_s
            times.append(at_s - begin_s)
            sizes.append(texts)
            if len(times) == _PIECE:
                yield np.array(times), np.array(sizes)
                times, sizes = [], []
        if begin_s == -math.inf:
            raise ConfigurationError(f"{self.file}: no request in it")
        yield np.array(times), np.array(sizes)

    def _rows(self) -> Iterator[tuple[int, tuple[float, float]]]:
        try:
            with self.file.open(encoding="utf-8-sig", newline="") as lines:
                columns = (0, 1)
                bounded = self._bounded(lines.readline)
                first = next(bounded, "")
                delimiter = max(_DELIMITERS, key=first.count)
                for row, cells in enumerate(csv.reader(chain([first], bounded), delimiter=delimiter), start=1):
                    if row == 1 and (named := self._columns(cells)):
                        columns = named
                    elif any(cell.strip() for cell in cells):
                        yield row, self._row(row, cells, columns)
        except OSError as error:
            raise ConfigurationError(f"{self.file}: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigurationError(f"{self.file}: not a text file in UTF-8") from None
        except csv.Error as error:
            raise ConfigurationError(f"{self.file}: {error}") from None

    def _bounded(self, read: Callable[[int], str]) -> Iterator[str]:
        row = 0
        while line := read(_LONGEST_LINE):
            row += 1
            if len(line) == _LONGEST_LINE:
                raise self._fault(row, f"is longer than {_LONGEST_LINE:,} characters")
            yield line

    def _columns(self, cells: list[str]) -> tuple[int, int] | None:
        """Where the time and the texts are, if this is a header; the texts one behind the end if nowhere."""
        names = [cell.strip().lower() for cell in cells]
        if "time" in names or "timestamp" in names:
            time = names.index("time" if "time" in names else "timestamp")
            return time, names.index("texts") if "texts" in names else len(names)
        if cells and _time_of(cells[0]) is None:
            raise self._fault(1, f"has no column `time` among {shortened(', '.join(map(repr, cells)))}")
        return None

    def _row(self, row: int, cells: list[str], columns: tuple[int, int]) -> tuple[float, float]:
        time, texts = (cells[column].strip() if column < len(cells) else "" for column in columns)
        at_s = _time_of(time)
        if at_s is None:
            raise self._fault(row, f"has {shortened(time)!r} for a time: seconds, or ISO 8601")
        if at_s >= _MILLISECONDS_FROM:
            raise self._fault(row, f"has {shortened(time)!r} for a time: are these milliseconds? seconds are read")
        if texts and not (texts.isdecimal() and 1 <= int(texts[:9]) <= _MOST_TEXTS):
            raise self._fault(row, f"has {shortened(texts)!r} texts: 1 to {_MOST_TEXTS}")
        return at_s, float(texts or 1)

    def _fault(self, row: int, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self.file}: row {row} {what}")


def _time_of(cell: str) -> float | None:
    """Seconds, if it is a time at all."""
    try:
        seconds = float(cell)
    except ValueError:
        try:
            moment = datetime.fromisoformat(cell.strip())
            seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return None
    return seconds if 0 <= seconds < math.inf else None
