"""Tables of every kind give the model that the pandas frame of the same rows gives, and only their used columns."""

from __future__ import annotations

import decimal
import re
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest

pa = pytest.importorskip("pyarrow")
pl = pytest.importorskip("polars")
duckdb = pytest.importorskip("duckdb")

FORMULA = "y ~ f + scale(x):f + bs(z, df=5) + e"
N = 400


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(20261125)
    data = pd.DataFrame(
        {
            "x": rng.normal(3, 2, N),
            "z": rng.uniform(0, 1, N),
            "f": rng.choice(["south", "north", "east"], N),
            "e": rng.random(N) < 0.4,
            "k": rng.integers(0, 9, N),
            "w": rng.uniform(0.5, 2, N),
            "o": rng.normal(size=N),
            "unused": ["text"] * N,
        }
    )
    data["y"] = 1 + 0.5 * data.x + (data.f == "north") + np.sin(6 * data.z) + rng.normal(0, 0.5, N)
    return data


def as_file(tmp_path, name, write):
    write(tmp_path / name)
    return tmp_path / name


def two_files(data, path):
    parts = enumerate([slice(0, 150), slice(150, None)])
    return [as_file(path, f"part{place}.parquet", data.iloc[rows].to_parquet) for place, rows in parts]


SOURCES = {
    "polars": lambda data, _: pl.from_pandas(data),
    "polars lazy": lambda data, _: pl.from_pandas(data).lazy(),
    "arrow": lambda data, _: pa.Table.from_pandas(data),
    "batches": lambda data, _: pa.Table.from_pandas(data).to_reader(max_chunksize=37),
    "duckdb": lambda data, _: duckdb.connect().from_arrow(pa.Table.from_pandas(data)),
    "parquet": lambda data, path: as_file(path, "d.parquet", data.to_parquet),
    "feather": lambda data, path: str(as_file(path, "d.feather", data.to_feather)),
    "csv": lambda data, path: as_file(path, "d.csv.gz", lambda name: data.to_csv(name, index=False)),
    "files": two_files,
    "pattern": lambda data, path: str(two_files(data, path)[0].with_name("part*.parquet")),
}


def model_of(data, **options):
    return fb.Model(FORMULA, data, weights="w", offset="o", **options)


def same(one: fb.Model, other: fb.Model) -> bool:
    if one.design.columns != other.design.columns or one.design.baseline != other.design.baseline:
        return False
    states = [model.sufficient_statistics.state() for model in (one, other)]
    return all(np.allclose(a, b, rtol=1e-9, atol=1e-9) for a, b in zip(*states, strict=True))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_table_of_any_kind_gives_the_model_of_the_frame(frame, kind, tmp_path):
    model = model_of(SOURCES[kind](frame, tmp_path))
    assert same(model, model_of(frame))
    assert not same(model, model_of(frame.iloc[1:]))


@pytest.fixture(scope="module")
def fitted(frame):
    model = model_of(frame)
    return model, model.fit(random_seed=1, progressbar=False)


@pytest.mark.parametrize("kind", SOURCES)
def test_predictions_take_a_table_of_any_kind(frame, fitted, kind, tmp_path):
    model, idata = fitted
    table = fb.predictions(model, idata, data=SOURCES[kind](frame, tmp_path))
    pd.testing.assert_frame_equal(table, fb.predictions(model, idata, data=frame), check_dtype=False)


def test_updates_take_other_tables(frame):
    model, whole = fb.Model("y ~ x + f", frame[:200]), fb.Model("y ~ x + f", frame)
    model.update(pl.from_pandas(frame[200:]))
    assert model.regression.n_rows == whole.regression.n_rows


def test_columns_that_are_not_used_are_not_read(frame, tmp_path):
    read = []

    class Spy:
        def __arrow_c_stream__(self, requested_schema=None):
            read.append(True)
            return pa.Table.from_pandas(frame).__arrow_c_stream__(requested_schema)

    model = fb.Model("y ~ x", Spy())
    assert read == [True]
    assert list(model.regression.rows.columns) == ["x"]
    path = as_file(tmp_path, "d.parquet", frame.to_parquet)
    from filbert.data.tables import table_of

    assert list(table_of(path).frame({"y", "x"}).columns) == ["x", "y"]


def test_levels_come_in_their_own_order_only_where_they_have_one(frame):
    order = ["south", "north", "east"]
    enum = pl.from_pandas(frame).with_columns(pl.col("f").cast(pl.Enum(order)))
    assert fb.Model("y ~ f", enum).design.baseline == {"f": "south"}
    free = pl.from_pandas(frame).with_columns(pl.col("f").cast(pl.Categorical))
    assert fb.Model("y ~ f", free).design.baseline == {"f": "east"}
    codes = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), pa.array(order), ordered=True)
    ranked = pa.table({"y": [1.0, 2.0, 3.0, 5.0], "f": codes})
    assert fb.Model("y ~ f", ranked).design.baseline == {"f": "south"}
    own = pa.Table.from_pandas(frame.assign(f=pd.Categorical(frame.f, order)))
    for table in (own, own.to_reader()):
        assert fb.Model("y ~ f", table).design.baseline == {"f": "south"}


def test_missing_values_and_decimals_of_databases(frame):
    some = pl.from_pandas(frame).with_columns(pl.when(pl.col("k") > 2).then(pl.col("k")).alias("k"))
    with pytest.raises(fb.DataError, match=r"Column 'k' has .* missing values"):
        fb.Model("y ~ k", some)
    model = fb.Model("y ~ k", some, dropna=True)
    assert model.regression.n_rows == int((frame.k > 2).sum())
    decimals = pa.table({"y": frame.y.to_list(), "x": [decimal.Decimal(f"{value:.6f}") for value in frame.x]})
    floats = fb.Model("y ~ x", frame.assign(x=frame.x.round(6)))
    assert np.allclose(fb.Model("y ~ x", decimals).sufficient_statistics.mean, floats.sufficient_statistics.mean)


def test_group_specific_terms_of_other_tables(frame):
    model = fb.Model("y ~ x + (1 | k)", pl.from_pandas(frame))
    assert model.regression.groups.grouping["k"].labels == [str(k) for k in range(9)]


@pytest.mark.parametrize(
    ("data", "part"),
    [
        ("nowhere.parquet", "There is no file nowhere.parquet"),
        ("nowhere-*.parquet", "No file matches nowhere-"),
        ("nowhere.csv", "There is no file nowhere.csv"),
        ("nowhere.feather", "There is no file nowhere.feather"),
    ],
)
def test_files_that_are_not_there(data, part):
    with pytest.raises(fb.DataError, match=re.escape(part)):
        fb.Model("y ~ x", data)


def test_files_that_differ_or_are_cut_off(frame, tmp_path):
    one = as_file(tmp_path, "a.csv", lambda name: frame.to_csv(name, index=False))
    other = as_file(tmp_path, "b.csv", lambda name: frame.drop(columns="x").to_csv(name, index=False))
    with pytest.raises(fb.DataError, match=r"b\.csv lacks 'x', which .*a\.csv has"):
        fb.Model("y ~ x", [one, other])
    whole = as_file(tmp_path, "c.parquet", frame.to_parquet)
    whole.write_bytes(whole.read_bytes()[:-100])
    with pytest.raises(fb.DataError, match=r"c\.parquet cannot be read as Parquet"):
        fb.Model("y ~ x", whole)


def test_unknown_columns_are_named_whatever_the_table(frame):
    with pytest.raises(fb.DataError, match=r"'incom'.*Did you mean 'income'"):
        fb.Model("y ~ incom", pl.from_pandas(frame.rename(columns={"x": "income"})))


def test_tables_do_not_warn(frame, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for make in SOURCES.values():
            model_of(make(frame, tmp_path))
