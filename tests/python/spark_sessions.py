"""A Spark session of two threads; tests that ask for one are skipped where Spark or Java is not installed."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys

import pytest

# What Spark warns of is its business, and that it waits for pandas 3 is known.
spark_warnings = pytest.mark.filterwarnings(
    "default", "ignore:PySpark does not yet fully support pandas", "ignore:The copy keyword is deprecated"
)


@contextlib.contextmanager
def spark_session():
    """Start Spark, and stop it afterwards."""
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs Java")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers take the first python of the path otherwise
    session = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    try:
        yield session
    finally:
        session.stop()
