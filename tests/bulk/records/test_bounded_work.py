"""Work that grows with a file, not with its square: at these sizes the square would take minutes, or all memory."""

import io
import tracemalloc
import zipfile

import pytest

from lightsleeper.bulk.records.columns import unique_names
from lightsleeper.bulk.records.json_document import within
from lightsleeper.bulk.records.json_faults import fault_in
from lightsleeper.bulk.records.json_rows import array
from lightsleeper.bulk.records.json_values import closed_end
from lightsleeper.bulk.records.usual_workbook import usual_form


def test_columns_that_are_all_called_alike_are_numbered_in_order() -> None:
    names = unique_names(["text", "text 2"] + ["text"] * 50_000, 50_002)
    assert names[:4] == ["text", "text 2", "text 3", "text 4"]
    assert names[-1] == "text 50002"
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("tag", [b"<cellXfs ", b"<numFmt ", b"<cellXfs><xf "])
def test_styles_whose_tags_never_close_say_nothing(tag: bytes) -> None:
    assert b'<cellXfs><xf numFmtId="0"/></cellXfs>' in _kept_of(tag * 200_000)


def test_the_styles_of_cells_are_those_between_their_tags() -> None:
    styles = b'<styleSheet><xf numFmtId="9"/><x:cellXfs count="1"><x:xf numFmtId="14"/></x:cellXfs><xf numFmtId="9"/>'
    assert b'<cellXfs><xf numFmtId="14"/></cellXfs>' in _kept_of(styles)


def _kept_of(styles: bytes) -> bytes:
    book = io.BytesIO()
    with zipfile.ZipFile(book, "w") as file:
        file.writestr("xl/styles.xml", styles)
    with zipfile.ZipFile(usual_form(book)) as file:
        return file.read("xl/styles.xml")


@pytest.mark.parametrize("part", ["a", "\\n"])
def test_a_string_that_never_closes_takes_no_more_memory_than_itself(part: str) -> None:
    text = '{"text": "' + part * 1_000_000
    tracemalloc.start()
    try:
        assert closed_end(text, 9) is None
        assert fault_in(text, whole=True) == f"it breaks off in line 1, column {len(text) + 1}"
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_rows_are_looked_for_in_so_many_objects_and_no_deeper() -> None:
    rows = '[{"text": "Great"}, {"text": "Bad"}]'
    found = within('{"a": ' * 32 + rows + "}" * 32)
    assert found is not None
    assert (found.rows, len(found.path)) == (['{"text": "Great"}', '{"text": "Bad"}'], 32)
    assert within('{"a": ' * 3000 + rows + "}" * 3000) is None


def test_a_fault_deeper_than_the_parser_looks_is_none_of_its_rows() -> None:
    assert within('{"a": ' + "[" * 3000 + "]" * 2999 + ' bad bad], "b": [1]}') is None


BROKEN = {
    "lines": ("[\n", "{ x\n"),
    "objects in objects": ("[\n", '{"a":\n'),
    "quotes": ("[\n", '{"\n'),
    "closed in one line": ("[", "{x},"),
}


@pytest.mark.parametrize(("begin", "element"), BROKEN.values(), ids=BROKEN)
def test_no_broken_element_is_looked_for_to_the_end_of_the_file(begin: str, element: str) -> None:
    many = 20_000
    rows = list(array([begin, element * many, '\n{"text": "Great"}\n]']))
    assert len(rows) >= many / 2
    assert '{"text": "Great"}' in rows[-1][0]


def test_elements_end_where_they_do_however_the_file_is_cut() -> None:
    text = '[\n{"a": 1.5},\n{"b": x},{"c": [\n{"d": "\\u00e9"}\n]}, {"e"\n{"f": 1}, 1.5, /* {"g": 1}, */ -Infinity\n]'
    whole = list(array([text]))
    assert [row for row, _ in whole] == [
        '{"a": 1.5}',
        '{"b": x}',
        '{"c": [\n{"d": "\\u00e9"}\n]}',
        '{"e"',
        '{"f": 1}',
        "1.5",
        '/* {"g": 1}, */',
        "-Infinity",
    ]
    assert [line for _, line in whole] == [2, 3, 3, 5, 6, 6, 6, 6]
    assert all(list(array([text[:cut], text[cut:]])) == whole for cut in range(len(text)))
    assert list(array(text)) == whole
