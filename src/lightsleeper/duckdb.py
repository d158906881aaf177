"""`lightsleeper.duckdb.register(connection)`: see `lightsleeper.bulk.duckdb`."""

from lightsleeper.bulk.duckdb import register

__all__ = ["register"]
