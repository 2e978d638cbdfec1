"""Rows of a query are those of the table that it reads, in memory or in parts."""

from __future__ import annotations

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from filbert.cli import main
from filbert.data import databases, streams

duckdb = pytest.importorskip("duckdb")

RNG = np.random.default_rng(20261129)
DATA = pd.DataFrame({"x": RNG.normal(size=300), "g": RNG.choice(["a", "b", "c"], 300)})
DATA["y"] = DATA.x + (DATA.g == "b") + RNG.normal(size=300)


def test_queries_are_tables_or_streams(tmp_path, monkeypatch):
    DATA.to_parquet(tmp_path / "d.parquet")
    database = tmp_path / "d.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(f"create table d as select * from '{tmp_path / 'd.parquet'}'")
    given = ["fit", "y ~ x + g", "--seed", "1", "--quiet", "--sql"]
    whole = CliRunner().invoke(main, [*given, f"select * from '{tmp_path / 'd.parquet'}'"])
    assert whole.exit_code == 0, whole.output
    assert CliRunner().invoke(main, [*given, "from d", "--database", str(database)]).output == whole.output
    monkeypatch.setattr(databases, "IN_MEMORY", 1000)
    in_parts = databases.query("from d", str(database))
    assert isinstance(in_parts, streams.Stream)
    one, other = (fb.Model("y ~ x + g", rows).regression for rows in (DATA, in_parts))
    assert np.allclose(one.least_squares.estimate, other.least_squares.estimate, rtol=1e-9)
    assert other.n_rows == len(DATA)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sql", "select * from nothing"], "The query cannot be answered"),
        (["--sql", "select 1 as y where false"], "gives no rows"),
        (["--sql", "from d", "--database", "nowhere.duckdb"], "There is no database nowhere.duckdb"),
        (["d.csv", "--sql", "from d"], "DATA and --sql"),
        ([], "Missing argument 'DATA'"),
        (["d.csv", "--database", "d.duckdb"], "--database goes with --sql"),
    ],
)
def test_what_is_wrong_with_a_query_is_said(arguments, message):
    result = CliRunner().invoke(main, ["fit", "y ~ 1", *arguments])
    assert result.exit_code == 2
    assert message in result.output
