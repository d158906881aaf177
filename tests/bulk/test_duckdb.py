"""The SQL functions, in a real DuckDB."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lightsleeper
from lightsleeper.bulk import library
from lightsleeper.bulk.stream import Answers
from lightsleeper.errors import BundleError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

pytestmark = pytest.mark.bulk


@pytest.fixture
def connection() -> "Iterator[DuckDBPyConnection]":
    """A database with a table of 5,000 reviews, two of them no text."""
    import duckdb  # noqa: PLC0415  # of an optional group

    import lightsleeper.duckdb  # noqa: PLC0415  # likewise

    with duckdb.connect() as connection:
        lightsleeper.duckdb.register(connection)
        connection.execute("""
            CREATE TABLE reviews AS SELECT id, CASE id WHEN 7 THEN NULL WHEN 8 THEN '  '
                WHEN 9 THEN 'A film without an end. ' || repeat('On and on. ', 1000)
                ELSE 'Film number ' || id % 20 || ' is ' || if(id % 3 = 0, 'awful', 'great') END AS text
            FROM range(5000) rows(id)
        """)
        yield connection


def test_every_row_is_answered_as_python_answers_it(connection: "DuckDBPyConnection") -> None:
    texts = [text for (text,) in connection.execute("SELECT text FROM reviews ORDER BY id").fetchall()]
    expected = [(p and p.label, p and p.score) for p in lightsleeper.load().predict(texts)]
    answers = connection.execute("SELECT sentiment(text), sentiment_score(text) FROM reviews ORDER BY id").fetchall()
    assert answers == expected
    assert answers[7:9] == [(None, None)] * 2


def test_a_second_registration_takes_the_place_of_the_first(connection: "DuckDBPyConnection") -> None:
    lightsleeper.duckdb.register(connection, threads=1)
    assert connection.execute("SELECT sentiment('A wonderful film.'), sentiment(NULL)").fetchone() == ("POSITIVE", None)


def test_files_are_read_in_place(connection: "DuckDBPyConnection", tmp_path: Path) -> None:
    connection.execute(f"COPY reviews TO '{tmp_path}/reviews.parquet'")
    connection.execute(f"COPY reviews TO '{tmp_path}/reviews.csv'")
    parquet, csv = (
        connection.execute(f"SELECT sentiment(text), count(*) FROM '{tmp_path}/{name}' GROUP BY ALL").fetchall()
        for name in ("reviews.parquet", "reviews.csv")
    )
    assert sum(rows for _, rows in parquet) == 5000
    assert set(csv) == set(parquet)


def test_label_and_score_cost_one_inference(connection: "DuckDBPyConnection", monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[bytes] = []
    remember = Answers.remember

    def counted(self: Answers, answers: dict[bytes, tuple[float, ...]]) -> None:
        computed.extend(answers)
        remember(self, answers)

    monkeypatch.setattr(library, "_opened", {})
    monkeypatch.setattr(Answers, "remember", counted)
    connection.execute("SELECT sentiment(text), sentiment_score(text) FROM reviews").fetchall()
    assert len(computed) == len(set(computed)) == 41


def test_another_bundle_has_functions_of_its_own(connection: "DuckDBPyConnection", tmp_path: Path) -> None:
    import duckdb  # noqa: PLC0415  # of an optional group

    import lightsleeper.duckdb  # noqa: PLC0415  # likewise

    lightsleeper.duckdb.register(connection, name="mood", bundle=tmp_path)
    with pytest.raises(duckdb.Error, match=r"cannot read bundle\.json") as refusal:
        connection.execute("SELECT mood(text), mood_score(text) FROM reviews").fetchall()
    assert BundleError.__name__ in str(refusal.value)
