"""Predictions of frames of Dask and Spark are frames of the same kind, with the numbers of the same rows in memory."""

from __future__ import annotations

import re

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from spark_sessions import spark_session, spark_warnings

dd = pytest.importorskip("dask.dataframe")

N = 400
RESULTS = ["mean", "sd", "hdi_3%", "hdi_97%"]


def made() -> pd.DataFrame:
    rng = np.random.default_rng(20261125)
    data = pd.DataFrame({"x": rng.normal(size=N), "g": rng.choice(list("abc"), N), "s": rng.choice(list("uvwz"), N)})
    data["y"] = data.x + (data.g == "b") + rng.normal(size=N)
    return data


DATA = made()


@pytest.fixture(scope="module")
def fitted():
    model = fb.Model("y ~ scale(x)*g + (1 | s)", DATA)
    return model, model.fit(draws=500, random_seed=1, progressbar=False)


@pytest.mark.parametrize("options", [{}, {"target": "y", "random_seed": 4}, {"scale": "link", "use_hdi": False}])
def test_dask_gives_the_numbers_of_rows_in_memory(fitted, options):
    model, idata = fitted
    frame = dd.from_pandas(DATA, npartitions=3)
    found = fb.predictions(model, idata, data=frame, **options)
    assert isinstance(found, dd.DataFrame)
    expected = fb.predictions(model, idata, data=DATA, **options)
    results = list(expected.columns[-4:])
    assert list(found.columns) == [*DATA.columns, *results]
    computed = found.compute()
    assert computed[["x", "y"]].equals(DATA[["x", "y"]])
    assert np.array_equal(computed[results], expected[results])


def test_processes_are_sent_what_they_need(fitted):
    import dask

    model, idata = fitted
    streamed = fb.Model(model.formula, fb.stream(lambda: iter([DATA])))  # whose function cannot be sent
    with dask.config.set(scheduler="processes", num_workers=2):
        found = fb.predictions(streamed, idata, data=dd.from_pandas(DATA, npartitions=3)).compute()
    assert np.allclose(found[RESULTS], fb.predictions(model, idata, data=DATA)[RESULTS], rtol=1e-9)


def test_rows_with_missing_values_are_left_out_as_by_the_model(fitted):
    _, idata = fitted
    model = fb.Model("y ~ scale(x)*g + (1 | s)", DATA, dropna=True)
    data = DATA.copy()
    data.loc[[0, 250], "x"] = np.nan
    found = fb.predictions(model, idata, data=dd.from_pandas(data, npartitions=3)).compute()
    assert list(found.index) == [row for row in range(N) if row not in (0, 250)]


def test_empty_partitions_give_no_rows(fitted):
    model, idata = fitted
    frame = dd.from_pandas(DATA, npartitions=3)
    assert len(fb.predictions(model, idata, data=frame[frame.x < -1e9]).compute()) == 0


def test_errors_name_the_partition(fitted):
    model, idata = fitted
    data = DATA.copy()
    data.loc[390, "g"] = "q"
    with pytest.raises(fb.DataError, match=re.escape("partition 2: ") + ".*'q'"):
        fb.predictions(model, idata, data=dd.from_pandas(data, npartitions=3)).compute()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "q"}, "target='q' is not known"),
        ({"prob": 2}, "prob"),
        ({"transforms": {"x": np.exp}}, "transform it there"),
        ({"random_seed": -1}, "random_seed must not be negative"),
        ({"scale": "mean"}, "scale must be"),
        ({"scale": "link", "target": "y"}, "has no link"),
    ],
)
def test_what_is_wrong_is_said_before_rows_are_read(fitted, options, message):
    model, idata = fitted
    with pytest.raises(fb.FilbertError, match=message):
        fb.predictions(model, idata, data=dd.from_pandas(DATA, npartitions=3), **options)


def test_columns_are_checked_before_rows_are_read(fitted):
    model, idata = fitted
    with pytest.raises(fb.DataError, match="lack 'g', 's'"):
        fb.predictions(model, idata, data=dd.from_pandas(DATA[["x"]], npartitions=3))
    with pytest.raises(fb.SettingError, match="'sd' has the name of a column"):
        fb.predictions(model, idata, data=dd.from_pandas(DATA.assign(sd=1.0), npartitions=3))


def test_averages_take_all_rows_together(fitted):
    model, idata = fitted
    found = fb.predictions(model, idata, data=dd.from_pandas(DATA, npartitions=3), average_by="g")
    assert np.allclose(found[RESULTS], fb.predictions(model, idata, data=DATA, average_by="g")[RESULTS])


@spark_warnings
def test_spark_gives_the_numbers_of_rows_in_memory(fitted):
    model, idata = fitted
    with spark_session() as session:
        frame = session.createDataFrame(DATA.assign(row=range(N))).repartition(3)
        found = fb.predictions(model, idata, data=frame)
        assert found.columns == [*frame.columns, *RESULTS]
        computed = found.toPandas().sort_values("row")
        assert np.allclose(computed[RESULTS], fb.predictions(model, idata, data=DATA)[RESULTS], rtol=1e-12)
        noisy = fb.predictions(model, idata, data=frame, target="y", random_seed=1).toPandas()
        assert (noisy["sd"] > computed["sd"].max()).all()
        assert noisy["sd"].nunique() == N  # each row has noise of its own
