"""Python's reader on the cases that the page's must read alike (tests/browser/test_file_cases.py)."""

import io
from pathlib import Path
from typing import Any

import pytest

import file_cases
from lightsleeper.bulk.records.table import Choices, Table, open_table
from lightsleeper.errors import InvalidInput


def found_in(table: Table) -> dict[str, Any]:
    """What was read, in the words of the expectations."""
    rows = list(table.rows)
    text = table.text_index
    reasons = {} if text is None else {str(row.number): row.reason(text, table.names[text]) for row in rows}
    found = {
        "format": table.format,
        "encoding": table.encoding and table.encoding.name,
        "delimiter": table.delimiter,
        "header": table.header,
        "columns": table.names,
        "text_column": None if text is None else table.names[text],
        "rows": [row.cells for row in rows],
        "notes": table.notes,
        "reasons": {number: reason for number, reason in reasons.items() if reason},
        "damaged": [row.number for row in rows if row.damaged],
    }
    return {key: value for key, value in found.items() if value or key not in {"notes", "reasons", "damaged"}}


def expectation(name: str) -> tuple[dict[str, Any], Choices]:
    case = file_cases.expected(name)
    choices = Choices(**case.pop("choices", {}))
    return {key: value for key, value in case.items() if key not in {"why", "only"}}, choices


NAMES = [name for name in file_cases.names() if file_cases.expected(name).get("only") != "browser"]


@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_as_it_is_meant(name: str) -> None:
    case, choices = expectation(name)
    if refused := case.get("refused"):
        with pytest.raises(InvalidInput) as error, open_table(file_cases.FOLDER / name, choices=choices):
            pass
        assert error.value.message == refused
        return
    with open_table(file_cases.FOLDER / name, choices=choices) as table:
        assert found_in(table) == case


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_that_cannot_be_rewound_is_read_alike(name: str) -> None:
    case, choices = expectation(name)
    stream = Unseekable((file_cases.FOLDER / name).read_bytes())
    if "refused" in case:
        with pytest.raises(InvalidInput), open_table(stream, name=name, choices=choices):
            pass
        return
    with open_table(stream, name=name, choices=choices) as table:
        assert found_in(table) == case


class Unseekable(io.BytesIO):
    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation("a pipe")


def test_every_file_has_an_expectation() -> None:
    files = {path.name for path in file_cases.FOLDER.iterdir() if path.name != "README.md"}
    with_expectation = {name for name in files if f"{name}.json" in files}
    assert files == with_expectation | {f"{name}.json" for name in with_expectation}


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidInput, match="No such file"), open_table(Path("absent.csv")):
        pass


def test_an_unknown_text_column_is_refused_with_the_known_ones() -> None:
    with (
        pytest.raises(InvalidInput, match="no column 'body' among id, text"),
        open_table(file_cases.FOLDER / "semicolons.csv", choices=Choices(text_column="body")),
    ):
        pass


def test_an_unknown_encoding_is_refused() -> None:
    for name in ("utf-9", "rot13", "base64", "idna", "undefined", "unicode_escape", "a\0b"):
        with (
            pytest.raises(InvalidInput, match="no encoding"),
            open_table(file_cases.FOLDER / "semicolons.csv", choices=Choices(encoding=name)),
        ):
            pass


def test_where_no_column_can_be_read_the_columns_are_named() -> None:
    with (
        open_table(file_cases.FOLDER / "only_numbers.csv") as table,
        pytest.raises(InvalidInput, match=r"which column holds the texts\? a, b: name it with --text-column"),
    ):
        _ = table.text
