"""Reading tables: CSV, tabs, compression, Parquet, standard input, and what cannot be read."""

from __future__ import annotations

import decimal
import gzip
import importlib.util
import io

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert.data.files import read_in_parts, read_table
from filbert.errors import DataError

FRAME = pd.DataFrame({"x": [1.5, 2.5], "g": ["a", "b"]})


def test_csv_tabs_and_compression(tmp_path):
    FRAME.to_csv(tmp_path / "d.csv", index=False)
    FRAME.to_csv(tmp_path / "d.tsv", index=False, sep="\t")
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress((tmp_path / "d.csv").read_bytes()))
    for name in ("d.csv", "d.tsv", "d.csv.gz"):
        pd.testing.assert_frame_equal(read_table(str(tmp_path / name)), FRAME)


@pytest.mark.parametrize("suffix", [".parquet", ".pq", ".PARQUET"])
def test_parquet(tmp_path, suffix):
    path = tmp_path / f"d{suffix}"
    FRAME.to_parquet(path)
    assert read_table(str(path)).to_dict() == FRAME.to_dict()


def test_standard_input():
    frame = read_table("-", io.BytesIO(FRAME.to_csv(index=False).encode()))
    pd.testing.assert_frame_equal(frame, FRAME)


def test_parquet_without_pyarrow_says_what_to_install(tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "pyarrow" else find_spec(name))
    with pytest.raises(DataError, match=r"needs pyarrow: pip install 'filbert\[arrow\]'"):
        read_table(str(tmp_path / "d.parquet"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.csv", b"", "is empty"),
        ("d.csv", b"x,x,y\n1,2,3\n", "more than one column named 'x'"),
        ("d.csv", b"x,y\n1,2\n1,2,3\n", "cannot be read as CSV: .*line 3"),
        ("d.csv", b"x,y\n1,\xff\xfe\n", "cannot be read as CSV: .*utf-8"),
        ("d.csv.gz", b"not compressed", "cannot be read as CSV"),
        ("d.parquet", b"not parquet", "cannot be read as Parquet"),
    ],
)
def test_unreadable_files_are_named_with_the_reason_in_one_line(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as caught:
        read_table(str(path))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_missing_file(tmp_path, name):
    with pytest.raises(DataError, match=r"There is no file .*none"):
        read_table(str(tmp_path / name))


def test_directory(tmp_path):
    with pytest.raises(DataError, match="cannot be read as CSV"):
        read_table(str(tmp_path))


def rows_in_file(table, path):
    if path.endswith(".parquet"):
        pytest.importorskip("pyarrow.parquet").write_table(table, path)
    else:
        pytest.importorskip("pyarrow.feather").write_feather(table, path)
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_decimals_of_files_are_numbers(tmp_path, suffix):
    pyarrow = pytest.importorskip("pyarrow")
    values = [decimal.Decimal("1.25"), None, decimal.Decimal("-3.50"), decimal.Decimal("2.00")]
    table = pyarrow.table({"x": pyarrow.array(values, pyarrow.decimal128(8, 2)), "y": [1.0, 2.0, 4.0, 3.0]})
    path = rows_in_file(table, str(tmp_path / f"rows{suffix}"))
    expected = pd.DataFrame({"x": [1.25, None, -3.5, 2.0], "y": [1.0, 2.0, 4.0, 3.0]})
    pd.testing.assert_frame_equal(read_table(path), expected)
    parts = [part for _, part in read_in_parts(path, ["x", "y"], 2)]
    pd.testing.assert_frame_equal(pd.concat(parts), expected)


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_a_name_that_two_columns_have_is_refused_where_it_is_used(tmp_path, suffix):
    pyarrow = pytest.importorskip("pyarrow")
    columns = [pyarrow.array(values) for values in ([1.0, 2.0, 3.5], [1.0, 2.0, 3.0], [4.0, 7.0, 6.0], [1.0, 3.0, 2.0])]
    path = rows_in_file(pyarrow.Table.from_arrays(columns, names=["x", "x", "y", "z"]), str(tmp_path / f"rows{suffix}"))
    for data in (path, fb.stream(path)):
        assert fb.Model("y ~ z", data).regression.n_rows == 3
        with pytest.raises(DataError, match="more than one column named 'x'"):
            fb.Model("y ~ x", data)


@pytest.mark.parametrize("texts", [False, True])
def test_labels_of_rows_that_pandas_wrote_are_a_column(tmp_path, texts):
    pytest.importorskip("pyarrow")
    data = pd.DataFrame({"y": np.arange(6.0) ** 1.5}, index=pd.Index([3.0, 1, 4, 1, 5, 9], name="id"))
    path = str(tmp_path / "rows.parquet")
    (data.assign(g=list("aabbcc")) if texts else data).to_parquet(path)
    for source in (path, fb.stream(path), fb.stream(path, part_rows=3)):
        means = fb.Model(f"y ~ {'g + ' if texts else ''}id", source).sufficient_statistics.mean
        assert means[-2] == pytest.approx(23 / 6)


def test_what_others_wrote_under_the_name_of_pandas_is_left_alone(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    columns = {"y": [4.0, 7.0, 6.0, 5.0], "g": pyarrow.array(list("baab")).dictionary_encode()}
    table = pyarrow.table(columns).replace_schema_metadata({"pandas": "no JSON"})
    path = rows_in_file(table, str(tmp_path / "rows.parquet"))
    for data in (table, table.to_reader(), fb.stream(path)):
        assert fb.Model("y ~ g", data).design.baseline == {"g": "a"}


@pytest.mark.parametrize("suffix", [".parquet", ".feather"])
def test_levels_of_dictionaries_in_files_are_sorted_unless_pandas_ordered_them(tmp_path, suffix):
    pyarrow = pytest.importorskip("pyarrow")
    texts = ["c", "a", "b", "a"]
    stored = pyarrow.table({"g": pyarrow.array(texts).dictionary_encode()})
    written = pyarrow.Table.from_pandas(pd.DataFrame({"g": pd.Categorical(texts, ["b", "c", "a"])}))
    path = str(tmp_path / f"rows{suffix}")
    for table, levels in ((stored, ["a", "b", "c"]), (written, ["b", "c", "a"])):
        rows_in_file(table, path)
        assert read_table(path).g.cat.categories.to_list() == levels
        assert [part.g.cat.categories.to_list() for _, part in read_in_parts(path, ["g"], 3)] == [levels] * 2
