"""NIST's certified digits are reached from every kind of source, in parts of a few rows."""

from __future__ import annotations

import json
from pathlib import Path

import filbert as fb
import numpy as np
import pandas as pd
import pytest

pa = pytest.importorskip("pyarrow")

NIST = Path(__file__).parents[2] / "data" / "nist"
DIGITS = {"longley": 11, "noint1": 11, "pontius": 9, "wampler1": 9, "wampler3": 8}
ROWS = 4


def written(folder, name, write):
    write(folder / name)
    return folder / name


def dask(data, _):
    return pytest.importorskip("dask.dataframe").from_pandas(data, npartitions=4)


def slices(data):
    return (data.iloc[start : start + ROWS] for start in range(0, len(data), ROWS))


SOURCES = {
    "polars": lambda data, _: pytest.importorskip("polars").from_pandas(data).lazy(),
    "duckdb": lambda data, _: pytest.importorskip("duckdb").connect().from_arrow(pa.Table.from_pandas(data)),
    "arrow reader": lambda data, _: fb.stream(pa.Table.from_pandas(data).to_reader(max_chunksize=ROWS)),
    "parquet": lambda data, path: fb.stream(
        written(path, "d.parquet", lambda name: data.to_parquet(name, row_group_size=7)), ROWS
    ),
    "feather": lambda data, path: fb.stream(written(path, "d.feather", data.to_feather), ROWS),
    "csv": lambda data, path: fb.stream(written(path, "d.csv", lambda name: data.to_csv(name, index=False)), ROWS),
    "function": lambda data, _: lambda: slices(data),
    "iterator": lambda data, _: fb.stream(slices(data)),
    "dask": dask,
}


def correct_digits(value: float, certified: float, scale: float) -> float:
    error = abs(value - certified) / (abs(certified) or scale)
    return 15.0 if error == 0 else -np.log10(error)


@pytest.mark.parametrize("name", DIGITS)
@pytest.mark.parametrize("source", SOURCES)
def test_certified_digits_are_reached(source, name, tmp_path):
    case = json.loads((NIST / f"{name}.json").read_text())
    data = pd.DataFrame(case["data"])
    fit = fb.Model(case["formula"], SOURCES[source](data, tmp_path)).least_squares()
    for (_, row), estimate, deviation in zip(fit.iterrows(), case["coef"], case["sd"], strict=True):
        assert correct_digits(row["estimate"], estimate, 1.0) >= DIGITS[name]
        assert correct_digits(row["standard_error"], deviation, abs(estimate)) >= DIGITS[name]
