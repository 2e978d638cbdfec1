"""Frames of Dask and Spark give the model of the same rows in memory, and passes run where the partitions are."""

from __future__ import annotations

import re

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.data.engines import DaskStream, SparkStream
from spark_sessions import spark_session, spark_warnings

dd = pytest.importorskip("dask.dataframe")

pytestmark = spark_warnings

N = 900
FORMULAS = [
    "y ~ x + log(z)",
    "y ~ g*h + bs(z, df=5) + scale(x) + x:z + offset(o)",
    "y ~ scale(poly(x, 2)) + (x | s)",
]


def made() -> pd.DataFrame:
    rng = np.random.default_rng(20261127)
    data = pd.DataFrame(
        {
            "x": rng.normal(30, 2, N),
            "z": rng.uniform(1, 9, N),
            "g": rng.choice(list("dbca"), N),
            "h": rng.choice(["u", "v", "w"], N, p=[0.6, 0.35, 0.05]),
            "s": rng.choice([f"site {place}" for place in range(20)], N),
            "w": rng.uniform(0.5, 2, N),
            "o": rng.normal(size=N),
        }
    )
    data["y"] = 1 + 0.5 * data.x + data.z + (data.g == "a") + data.o + rng.normal(size=N)
    data["b"] = (data.x + rng.normal(size=N) > 30).astype(int)
    return data.sort_values("g", ignore_index=True)


DATA = made()


def check_same(formula: str, frame, **options) -> None:
    one, other = fb.Model(formula, DATA, **options), fb.Model(formula, frame, **options)
    assert one.design.columns == other.design.columns
    first, second = one.regression.least_squares, other.regression.least_squares
    assert np.max(np.abs(first.estimate - second.estimate) / first.standard_error) < 1e-9
    assert np.allclose(first.standard_error, second.standard_error, rtol=1e-9)
    assert other.regression.n_rows == N


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("partitions", [1, 11])
def test_dask_gives_the_model_of_all_rows(formula, partitions):
    check_same(formula, dd.from_pandas(DATA, npartitions=partitions), weights="w")


def test_partitions_may_be_empty():
    frame = dd.from_pandas(DATA, npartitions=6)
    check_same("y ~ x + g", dd.concat([frame[frame.x < -1e9], frame]))


def refuse_to_read(*_):
    raise AssertionError("a whole partition was read by the caller")


def test_partitions_stay_where_they_are(monkeypatch):
    monkeypatch.setattr(DaskStream, "_read", refuse_to_read)
    fb.Model("y ~ x + g", dd.from_pandas(DATA, npartitions=9))


def test_the_beginning_of_a_partition_comes_alone():
    stream = DaskStream(dd.from_pandas(DATA, npartitions=3), list(DATA.columns))
    beginnings = list(stream.beginnings(["x", "g"], 5))
    assert [(part.origin, part.frame.shape) for part in beginnings] == [(f"partition {k}", (5, 2)) for k in range(3)]


def test_other_families_and_updates_read_partitions():
    frame = dd.from_pandas(DATA, npartitions=4)
    model = fb.Model("b ~ x + g", frame, family="bernoulli")
    check = fb.Model("b ~ x + g", DATA, family="bernoulli")
    top = model.family.maximum_likelihood(model.regression).estimate
    assert np.allclose(top, check.family.maximum_likelihood(check.regression).estimate, rtol=1e-7)
    gaussian = fb.Model("y ~ x", DATA)
    gaussian.update(frame)
    assert gaussian.regression.n_rows == 2 * N


@pytest.mark.parametrize("formula", ["y ~ x", "y ~ scale(x)"])
def test_bad_rows_name_their_partition(formula):
    data = DATA.copy()
    data.loc[700, "x"] = np.nan
    with pytest.raises(fb.DataError, match=re.escape("partition 3: Column 'x' has 1 missing value (row 25)")):
        fb.Model(formula, dd.from_pandas(data, npartitions=4))


def test_processes_give_the_same():
    import dask

    with dask.config.set(scheduler="processes", num_workers=2):
        check_same(FORMULAS[1], dd.from_pandas(DATA, npartitions=5), weights="w")


@pytest.fixture(scope="module")
def spark():
    with spark_session() as session:
        yield session


@pytest.mark.parametrize("formula", FORMULAS[1:])
def test_spark_gives_the_model_of_all_rows(spark, formula):
    check_same(formula, spark.createDataFrame(DATA).repartition(3), weights="w")


def test_partitions_of_spark_stay_where_they_are(spark, monkeypatch):
    monkeypatch.setattr(SparkStream, "_read", refuse_to_read)
    frame = spark.createDataFrame(DATA).repartition(3)
    fb.Model("y ~ x + g", frame)
    beginnings = list(SparkStream(frame, list(DATA.columns)).beginnings(["x"], 5))
    assert [(part.origin, part.frame.shape) for part in beginnings] == [(f"partition {k}", (5, 1)) for k in range(3)]


def test_bad_rows_of_spark_name_their_partition(spark):
    data = DATA.copy()
    data.loc[700, "x"] = np.nan
    with pytest.raises(fb.DataError, match=r"partition \d: Column 'x' has 1 missing value \(row \d+\)"):
        fb.Model("y ~ x", spark.createDataFrame(data).repartition(3))
