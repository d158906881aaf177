"""DuckDB: SQL over tables and files, with a progress bar on a terminal."""

import json

import duckdb

import lightsleeper.duckdb

connection = duckdb.connect()
lightsleeper.duckdb.register(connection)
connection.execute("""
    CREATE TABLE reviews AS SELECT unnest(['Loved every minute.', 'Dull and long.', NULL, '  ']) AS text
""")

labelled = connection.sql("SELECT text, sentiment(text) AS label, sentiment_score(text) AS score FROM reviews")

for text, label, score in labelled.fetchall():
    print(json.dumps({"text": text, "label": label, "score": score}))
