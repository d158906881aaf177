"""One Spark for all tests that need one."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import lightsleeper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession


@pytest.fixture(scope="session")
def spark() -> "Iterator[SparkSession]":
    """Two workers; a task that fails is tried again, as on a cluster."""
    from pyspark.sql import SparkSession  # noqa: PLC0415  # of an optional group

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", str(Path(lightsleeper.__file__).parents[1]))
        settings = {"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.memory": "1g"}
        builder = SparkSession.builder.master("local[2,4]").config(map=settings)
        session = builder.config("spark.sql.execution.arrow.maxRecordsPerBatch", "1000").getOrCreate()
        yield session
        session.stop()
