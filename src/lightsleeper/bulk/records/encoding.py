"""Bytes → characters: which encoding, and what becomes of bytes that are not of it.

Our own, since both readers must decide alike, in a browser too: of 13 short samples (two lines each of what Excel
writes in as many languages) charset-normalizer 3.5.2 names 6 rightly, this 13.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from lightsleeper.bulk.records.rules import FINAL_LETTERS, LEGACY_ENCODINGS, THAI_MARKS
from lightsleeper.errors import InvalidInput

#: The web's names, where Python's differ or mean less.
_PYTHON_NAMES: Final = {
    "windows-1250": "cp1250",
    "windows-1251": "cp1251",
    "windows-1252": "cp1252",
    "windows-1253": "cp1253",
    "windows-1254": "cp1254",
    "windows-1255": "cp1255",
    "windows-1256": "cp1256",
    "windows-1257": "cp1257",
    "windows-874": "cp874",
    "ibm850": "cp850",
    "ibm852": "cp852",
    "ibm862": "cp862",
    "ibm866": "cp866",
    "macintosh": "mac_roman",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
    "big5": "big5hkscs",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16le"),
    (codecs.BOM_UTF16_BE, "utf-16be"),
)
#: Control characters that no text holds, Hive's delimiter not among them; so many are no sign of anything.
_STRANGE: Final = re.compile(r"[\0\x02-\x08\x0e-\x19\x1c\x1d\x1f]")
_STRANGE_CHARS: Final = 5
#: A text may hold a zero byte; what is padded with them is made for machines.
_PADDING: Final = 8 * "\0"
#: Below this share of familiar characters an encoding is not what the file is written in.
_LEAST_FAMILIAR: Final = 0.2
_LOW_BYTES: Final = 9
_OF_ENDS: Final = 10
_ESCAPED = re.compile("[\udc80-\udcff]")
_DAMAGE = re.compile("[\udc80-\udcff\ufffd]")
#: Half surrogates as if each were a character, as Java and Oracle write emoji: CESU-8.
_HALVES = re.compile("\udced[\udca0-\udcaf][\udc80-\udcbf]\udced[\udcb0-\udcbf][\udc80-\udcbf]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes are read."""

    #: As the web names it: utf-8, utf-16le, windows-1252, …
    name: str
    #: Bytes of the byte order mark, which is no part of the first cell.
    mark_bytes: int = 0
    #: Whether it was chosen by what the bytes would say, which may be wrong.
    guessed: bool = False
    #: Whether what is not of it is windows-1252, in a file put together of both.
    is_mixed: bool = False

    def note(self) -> str:
        """What to say of it; empty if it is no guess."""
        return (
            f"read as {self.name}{' and windows-1252, mixed' if self.is_mixed else ''}, a guess" if self.guessed else ""
        )


def named(name: str, sample: bytes) -> Encoding:
    """The encoding that somebody asked for; InvalidInput if there is none of that name."""
    label = name.strip().lower()
    label = {"utf8": "utf-8", "utf-16-le": "utf-16le", "utf-16-be": "utf-16be", "cp1252": "windows-1252"}.get(
        label, label
    )
    mark = next(((len(mark), marked) for mark, marked in _MARKS if sample.startswith(mark)), (0, ""))
    if label in {"utf-16", "utf-32"}:
        label = mark[1] if mark[1].startswith(label) else {"utf-16": "utf-16le", "utf-32": "utf-32-le"}[label]
    if not _is_known(_python_name(label)):
        raise InvalidInput(f"there is no encoding {name!r}", field="encoding")
    if _is_no_text(label):
        raise InvalidInput(f"{name!r} is no encoding of texts", field="encoding")
    return Encoding(label, mark[0] if mark[1] == label else 0)


def _is_no_text(name: str) -> bool:
    """What Python counts among the encodings but changes texts: domain names, escapes of its own."""
    return codecs.lookup(_python_name(name)).name in {"idna", "punycode", "unicode-escape", "raw-unicode-escape"}


def _is_known(name: str) -> bool:
    """Whether Python can decode it; `rot13` and `base64` are codecs, too."""
    try:
        return isinstance(b"a".decode(name), str)
    except UnicodeDecodeError:
        return True
    except (LookupError, ValueError):  # `undefined` knows no text, and a name may hold what no name does
        return False


def detect(sample: bytes) -> Encoding:
    """The encoding of a file that begins with `sample`."""
    for mark, name in _MARKS:
        if sample.startswith(mark):
            is_false = name.startswith("utf-16") and _is_utf_8(sample[len(mark) :])
            return Encoding("utf-8" if is_false else name, len(mark), guessed=is_false)
    text = _decoded(sample, "utf-8")
    halves = len(_HALVES.findall(text))
    bad = len(_ESCAPED.findall(text)) - 6 * halves
    # Every other byte of Latin, Greek, Cyrillic, Hebrew and Arabic in UTF-16.
    low = sum(map(sample.count, range(_LOW_BYTES)))
    if 0 in sample and (bad or low > len(sample) / 5) and (wide := _utf_16(sample)):
        return Encoding(wide, guessed=True)
    # Text in another encoding looks like UTF-8 only by rare accident; a few bad bytes among good ones are damage.
    if bad == 0 or sum(char > "\x7f" for char in text) - bad - 5 * halves >= bad:
        return Encoding("utf-8")
    legacy = _legacy(sample)
    if legacy == "windows-1252" and _is_mixed(text):
        return Encoding("utf-8", guessed=True, is_mixed=True)
    return Encoding(legacy, guessed=True)


def _is_utf_8(sample: bytes) -> bool:
    """Whether UTF-16's mark stands before a text that is not: in UTF-16 a line end has a zero byte."""
    return b"\n" in sample and 0 not in sample and not _ESCAPED.search(_decoded(sample, "utf-8"))


def _is_mixed(text: str) -> bool:
    """Whether what of a file is UTF-8 is none by accident: letters and signs of the West, or beyond two bytes."""
    good = {char for char in _ESCAPED.sub("", text) if char > "\x7f"}
    return len(good) > 0 and all(char in LEGACY_ENCODINGS["windows-1252"] or char > "\u07ff" for char in good)


def decode(pieces: Iterable[bytes], encoding: Encoding, *, final: bool = True) -> Iterator[str]:
    """The characters; unless `final`, without the last one if it is cut.

    A byte that is not UTF-8 becomes U+DC80 to U+DCFF, as Python's surrogateescape has it, for `mended` to read; what
    another encoding cannot hold becomes U+FFFD, but a hole in one of single bytes that byte itself, as on the web.
    """
    decoder = codecs.getincrementaldecoder(_python_name(encoding.name))(_errors(encoding.name))
    skip = encoding.mark_bytes
    for piece in pieces:
        yield _without_holes(decoder.decode(piece[skip:]), encoding.name)
        skip = max(0, skip - len(piece))
    yield _without_holes(decoder.decode(b"", final=final), encoding.name)


def is_damaged(text: str) -> bool:
    """Whether `text` holds what was not of its encoding, here or where the file came from."""
    return not text.isascii() and _DAMAGE.search(text) is not None


def mended(text: str) -> str:
    """`text` with every byte that is not UTF-8 read as windows-1252, which is where most of them come from."""
    return _ESCAPED.sub(lambda match: _western(ord(match[0]) - 0xDC00), _HALVES.sub(_joined, text))


def _joined(halves: re.Match[str]) -> str:
    pair = halves[0].encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass")
    return pair.encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def _western(byte: int) -> str:
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:  # the web's windows-1252 has no holes
        return chr(byte)


def _errors(name: str) -> str:
    single = name in {"utf-8", "macintosh", "koi8-r"} or name.startswith(("windows-", "iso-8859", "cp", "ibm"))
    return "surrogateescape" if single else "replace"


def _without_holes(text: str, name: str) -> str:
    if name == "utf-8" or text.isascii():
        return text
    # The web fills the holes among the control characters, and no others.
    return _ESCAPED.sub(lambda match: chr(ord(match[0]) - 0xDC00) if match[0] < "\udca0" else "\ufffd", text)


def _python_name(name: str) -> str:
    return _PYTHON_NAMES.get(name, name)


def _decoded(sample: bytes, name: str) -> str:
    """All of `sample` but a character that its end cuts."""
    return "".join(decode([sample], Encoding(name), final=False))


def _utf_16(sample: bytes) -> str | None:
    """Which half of the pairs is zero tells the order, if all of it then reads as text."""
    pairs = sample[: len(sample) // 2 * 2]
    best = max(("utf-16le", "utf-16be"), key=lambda name: sum(char < "\x80" for char in _decoded(pairs, name)))
    text = _decoded(pairs, best)
    plain = sum(char < "\x80" for char in text)
    # Its line ends are whole, where a lone zero byte makes other letters of all; a common one, 0x4e0a, holds half.
    ends, whole = sum(map(sample.count, b"\r\n")), sum(map(text.count, "\r\n"))
    return best if plain and "\0" not in text and "\ufffd" not in text and _OF_ENDS * whole >= ends else None


def _legacy(sample: bytes) -> str:
    shares = {name: familiar(_decoded(sample, name), home) for name, home in LEGACY_ENCODINGS.items()}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > _LEAST_FAMILIAR else "windows-1252"


def familiar(text: str, home: str) -> float:
    """Share of the characters beyond ASCII that are of `home` and stand where such characters stand.

    A letter of a Latin script stands among ASCII's letters, one of any other does not; a capital does not follow a
    small letter, nor any letter a final one; of scripts with thousands of characters the common ones make up two fifths
    of a text, of Thai the vowels and marks a third.
    """
    letters = set(home)
    latin = "é" in letters or "ç" in letters
    beyond = good = vowels = 0
    for match in _BEYOND.finditer(text):
        run = match[0]
        beyond += len(run)
        before = text[match.start() - 1] if match.start() else " "
        after = text[match.end() : match.end() + 1]
        within = before.isalpha() and after.isalpha()
        if (len(run) > _LONGEST_LATIN_RUN) if latin else (before.isalpha() or after.isalpha()):
            continue
        if within and not run.isalpha() and run not in _INSIDE_WORDS:
            continue
        usual = [char for earlier, char in pairwise(before + run) if char in letters and _may_follow(char, earlier)]
        good += len(usual)
        vowels += sum(map(_is_thai_vowel, usual))
    if "ก" in letters:
        good = min(good, 3 * vowels)
    common = 1.0 if len(letters) < _LARGE_SCRIPT else 0.4
    return min(1.0, good / beyond / common) if beyond else 0.0


def _is_thai_vowel(char: str) -> bool:
    return "\u0e30" <= char <= "\u0e4e"


def _may_follow(char: str, earlier: str) -> bool:
    if earlier in FINAL_LETTERS or (char in THAI_MARKS and earlier not in THAI_MARKS and not "ก" <= earlier <= "ฮ"):
        return not char.isalpha() and char not in THAI_MARKS
    return not (char.isupper() and earlier.islower())


_BEYOND = re.compile(r"[^\x00-\x7f]+")
_LONGEST_LATIN_RUN: Final = 3

_LARGE_SCRIPT: Final = 200
_INSIDE_WORDS: Final = "’–—…\u00a0"


def require_text(text: str, name: str) -> None:
    """InvalidInput for what hardly is a text, whatever it is."""
    if _PADDING in text or len(_STRANGE.findall(text)) > max(_STRANGE_CHARS, len(text) / 20):
        raise InvalidInput(f"{name} is not a file of text, and of no kind that is known here")
