"""Rows that are read in parts give the model that the same rows in memory give, whatever the parts."""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import sqlite3
import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from filbert.cli import main
from filbert.data import files, readers, streams
from hypothesis import given, settings
from hypothesis import strategies as st

N = 1200
FORMULAS = [
    "y ~ x + z",
    "y ~ g*h + bs(t, df=5) + scale(x) + x:z + C(k) + offset(o)",
    "y ~ poly(x, 3) + center(z) + standardize(t)",
    "y ~ I(scale(x) * scale(z)) + scale(poly(x, 2)) + np.log(t) + bs(t, knots=[3, 6], lower_bound=0, upper_bound=100)",
    "y ~ bs(np.log(t), df=6, degree=2, extrapolation='clip', lower_bound=0.2, upper_bound=2) + scale(z, ddof=0)",
    "y ~ 0 + g:x + h",
    "y ~ x + (x | s)",
    "y ~ x + (1 | g/h) + (scale(z) | s)",
    "y ~ g.cat.codes + s.str.len() + C(h.cat.codes)",
    "y ~ C(scale(t).round()) + C(center(z) > 1):g + (C(scale(x) > 2) | h)",
]


def made(n: int = N) -> pd.DataFrame:
    rng = np.random.default_rng(20261126)
    data = pd.DataFrame(
        {
            "x": rng.normal(300, 2, n),
            "z": rng.uniform(1, 9, n),
            "t": rng.gamma(2, 3, n),
            "g": rng.choice(list("dbca"), n),
            "h": rng.choice(["u", "v", "w"], n, p=[0.6, 0.37, 0.03]),
            "s": rng.choice([f"site {place}" for place in range(30)], n),
            "k": rng.integers(1, 5, n),
            "w": rng.uniform(0.5, 2, n),
            "o": rng.normal(size=n),
        }
    )
    data["y"] = 1 + 0.5 * data.x + data.z + np.sin(data.t) + (data.g == "a") + data.o + rng.normal(size=n)
    data["b"] = (data.x + rng.normal(size=n) > 300).astype(int)
    return data.sort_values("g", ignore_index=True)  # parts without all levels


DATA = made()


def cut(data: pd.DataFrame, at) -> list[pd.DataFrame]:
    edges = [0, *sorted(at), len(data)]
    return [data.iloc[start:stop] for start, stop in itertools.pairwise(edges)]


def frames(at, data=DATA):
    return lambda: iter(cut(data, at))


def check_same(one: fb.Model, other: fb.Model) -> None:
    """Designs are equal, and summaries, priors and predictors to rounding."""
    assert one.design.columns == other.design.columns
    assert one.design.levels == other.design.levels
    assert one.design.kinds == other.design.kinds
    first, second = one.regression.least_squares, other.regression.least_squares
    scale = first.standard_error
    assert np.max(np.abs(first.estimate - second.estimate) / scale) < 1e-9
    assert np.allclose(first.standard_error, second.standard_error, rtol=1e-9)
    assert other.regression.n_rows == one.regression.n_rows
    for name, prior in one.priors.items():
        if name.endswith("_corr") or not all(isinstance(v, (int, float)) for v in prior.params.values()):
            continue
        for key, value in prior.params.items():
            assert np.allclose(value, other.priors[name].params[key], rtol=1e-9), (name, key)
    for name, known in one.design.predictors.items():
        found = other.design.predictors[name]
        assert (known.levels, known.mode, known.dtype) == (found.levels, found.mode, found.dtype)
        numbers = [known.mean, known.sd, *known.quantiles]
        assert np.allclose(numbers, [found.mean, found.sd, *found.quantiles], rtol=1e-11, equal_nan=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("rows")
    DATA.to_csv(path / "d.csv", index=False)
    pytest.importorskip("pyarrow")
    DATA.to_parquet(path / "d.parquet", row_group_size=500)
    DATA.to_feather(path / "d.feather")
    for place, part in enumerate(cut(DATA, [400])):
        part.to_parquet(path / f"part{place}.parquet")
    return path


@pytest.mark.parametrize("formula", FORMULAS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_parts_give_the_model_of_all_rows(formula, weights):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fb.DataWarning)
        check_same(
            fb.Model(formula, DATA, weights=weights),
            fb.Model(formula, frames([1, 70, 71, 500, 1100]), weights=weights),
        )


@settings(max_examples=25, deadline=None)
@given(at=st.lists(st.integers(0, N), max_size=8), seed=st.integers(0, 5), formula=st.sampled_from(FORMULAS))
def test_the_answer_does_not_depend_on_parts_or_their_order(at, seed, formula):
    parts = cut(DATA, at)
    order = np.random.default_rng(seed).permutation(len(parts))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fb.DataWarning)
        check_same(fb.Model(formula, DATA), fb.Model(formula, lambda: (parts[place] for place in order)))


@pytest.mark.parametrize("name", ["d.csv", "d.parquet", "d.feather", "part*.parquet"])
def test_files_are_read_in_parts(folder, name):
    formula = "y ~ g*h + bs(t, df=5) + scale(x) + x:z + C(k) + offset(o)"
    check_same(fb.Model(formula, DATA, weights="w"), fb.Model(formula, fb.stream(folder / name, 170), weights="w"))


def test_large_files_are_streams_without_being_asked(folder, monkeypatch):
    monkeypatch.setattr(streams, "IN_MEMORY", 1000)
    for name in ("d.csv", "d.parquet"):
        model = fb.Model("y ~ x + g", folder / name)
        assert model.regression.n_rows == N
        assert not hasattr(model.regression.rows, "response_values")


def test_the_command_line_reads_large_files_in_parts(folder, monkeypatch):
    monkeypatch.setattr(streams, "IN_MEMORY", 1000)
    arguments = ["fit", "y ~ x", str(folder / "d.csv"), "--seed", "1", "--quiet", "--plot", str(folder / "d.png")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "sigma" in result.output
    assert (folder / "d.png").stat().st_size > 10_000
    result = CliRunner().invoke(main, ["fit", "y ~ I(x - x.mean())", str(folder / "d.csv")])
    assert result.exit_code == 2


def test_addresses_are_read_like_paths(folder, monkeypatch):
    memory = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("d.csv", "d.parquet", "d.feather", "part0.parquet", "part1.parquet"):
        memory.pipe(f"/rows/{name}", (folder / name).read_bytes())
    model = fb.Model("y ~ x + g", DATA)
    for name in ("d.csv", "d.parquet", "d.feather", "part*.parquet"):
        check_same(model, fb.Model("y ~ x + g", f"memory://rows/{name}"))
        check_same(model, fb.Model("y ~ x + g", fb.stream(f"memory://rows/{name}", 170)))
    monkeypatch.setattr(streams, "IN_MEMORY", 1000)
    assert isinstance(streams.table_or_stream("memory://rows/d.parquet"), streams.Stream)
    for name, message in (
        ("memory://rows/nothing.parquet", "There is no file memory://rows/nothing.parquet"),
        ("memory://rows/nothing*.parquet", "No file matches"),
        ("nowhere://rows/d.parquet", "nowhere://rows/d.parquet cannot be read"),
    ):
        with pytest.raises(fb.DataError, match=re.escape(message)):
            fb.Model("y ~ x", name)


def test_only_used_columns_are_read(folder, monkeypatch):
    asked = []
    read = files.read_in_parts
    monkeypatch.setattr(
        readers, "read_in_parts", lambda path, names, rows: asked.append(names) or read(path, names, rows)
    )
    fb.Model("y ~ x + g", fb.stream(folder / "d.parquet"))
    assert {tuple(names) for names in asked} == {("x", "g", "y")}


def test_numbers_take_one_pass_and_levels_another():
    passes = []

    def rows():
        passes.append(1)
        yield from cut(DATA, [300])

    source = fb.stream(rows)
    passes.clear()
    fb.Model("y ~ x + log(z)", source)
    assert len(passes) == 2  # of the first only a few rows are read
    passes.clear()
    fb.Model("y ~ x + g", source)
    assert len(passes) == 3


def test_a_reader_can_be_read_once():
    model = fb.Model("y ~ x + log(z)", fb.stream(iter(cut(DATA, [100, 700]))))
    check = fb.Model("y ~ x + log(z)", DATA)
    assert np.allclose(model.regression.least_squares.estimate, check.regression.least_squares.estimate, rtol=1e-9)
    model.set_priors(common=fb.Normal(0, 1))
    for formula, what in (("y ~ g", "'g'"), ("y ~ scale(x)", "'scale(x)'"), ("y ~ (1 | s)", "'s'")):
        with pytest.raises(fb.FormulaError, match=re.escape(what) + ".*another pass"):
            fb.Model(formula, fb.stream(iter(cut(DATA, [100, 700]))))
    with pytest.warns(fb.DataWarning, match="read once"):
        assert model.design.predictors["x"].mean > 0


def test_an_arrow_reader_is_streamed():
    pa = pytest.importorskip("pyarrow")
    model = fb.Model("y ~ x", fb.stream(pa.Table.from_pandas(DATA).to_reader(max_chunksize=37)))
    assert model.regression.n_rows == N


@pytest.mark.parametrize("family", ["bernoulli", "gaussian"])
def test_fits_are_those_of_rows_in_memory(family):
    formula = {"bernoulli": "b ~ x + g", "gaussian": "y ~ x + g + (1 | s)"}[family]
    fits = [
        fb.Model(formula, data, family=family).fit(random_seed=3, progressbar=False)
        for data in (DATA, frames([10, 500, 900]))
    ]
    one, other = (fit["posterior"] for fit in fits)
    for name in ("Intercept", "x"):
        assert abs(float(one[name].mean() - other[name].mean())) < 0.1 * float(one[name].std())
        assert np.isclose(float(one[name].std()), float(other[name].std()), rtol=0.1)


def test_streams_update_and_summarise():
    model, whole, later = fb.Model("y ~ x + g", DATA[::2]), fb.Model("y ~ x + g", DATA), DATA[1::2]
    model.update(frames([100, 300], later))
    assert np.allclose(model.regression.least_squares.estimate, whole.regression.least_squares.estimate, rtol=1e-9)
    summary = whole.summarise(frames([5, 800]))
    assert summary.n_rows == N
    streamed = fb.Model("y ~ x + g", frames([100], DATA[::2]))
    streamed.update(later)
    assert np.allclose(streamed.regression.least_squares.estimate, whole.regression.least_squares.estimate, rtol=1e-9)


def spoilt(column, row, value, folder):
    data = DATA.copy()
    data.loc[row, column] = value
    data.to_parquet(folder / "spoilt.parquet", row_group_size=500)
    return fb.stream(folder / "spoilt.parquet")


@pytest.mark.parametrize(
    ("formula", "spoil", "message"),
    [
        ("y ~ x", ("x", 700, np.nan), "row group 1: Column 'x' has 1 missing value (row 700)"),
        ("y ~ scale(x)", ("x", 700, np.nan), "row group 1: Column 'x' has 1 missing value (row 700)"),
        ("y ~ x", ("x", 1100, np.inf), "row group 2: Column 'x' has 1 infinite value (row 1100)"),
        ("y ~ log(z)", ("z", 700, -1.0), "row group 1: The term 'log(z)' is not finite for 1 row (row 700)"),
        ("y ~ scale(log(z))", ("z", 700, -1.0), "row group 1: What 'scale(log(z))' is given is not finite"),
        ("weighted(y, w) ~ x", ("w", 700, -1.0), "row group 1: The weight 'w' has 1 negative value (row 700)"),
    ],
)
def test_bad_rows_are_named_with_file_group_and_row(folder, formula, spoil, message):
    with pytest.raises(fb.DataError, match=re.escape(message)) as caught:
        fb.Model(formula, spoilt(*spoil, folder))
    assert "spoilt.parquet" in str(caught.value)


def parts_with_a_spoilt_one(folder, spoilt_one, spoil):
    paths = [folder / f"part-{number}.csv" for number in range(3)]
    for number, path in enumerate(paths):
        part = DATA[100 * number : 100 * (number + 1)]
        (spoil(part) if number == spoilt_one else part).to_csv(path, index=False)
    return [str(path) for path in paths]


@pytest.mark.parametrize("read", [fb.stream, list])
def test_files_that_lack_a_column_are_named(folder, read):
    def without_x(part):
        return part.drop(columns="x")

    message = r"uses 'x'.* They are those of .*part-0\.csv, the first of 3 files"
    with pytest.raises(fb.DataError, match=message):
        fb.Model("y ~ x", read(parts_with_a_spoilt_one(folder, 0, without_x)))
    with pytest.raises(fb.DataError, match=r"part-1\.csv lacks 'x', which .*part-0\.csv has"):
        fb.Model("y ~ x", read(parts_with_a_spoilt_one(folder, 1, without_x)))


@pytest.mark.parametrize(("spoilt_one", "column", "value"), [(1, "g", 3), (0, "x", "none"), (2, "g", 3)])
def test_files_with_a_column_of_another_type_are_named(folder, spoilt_one, column, value):
    source = parts_with_a_spoilt_one(folder, spoilt_one, lambda part: part.assign(**{column: value}))
    differs = max(spoilt_one, 1)
    with pytest.raises(fb.DataTypeError, match=rf"part-{differs}\.csv: Column '{column}' holds numbers, and text"):
        fb.Model("y ~ x + g", fb.stream(source))


def test_bad_responses_are_named(folder):
    with pytest.raises(fb.DataError, match=re.escape("row group 1: Response 'b' has 1 value such as 2 (row 700)")):
        fb.Model("b ~ x", spoilt("b", 700, 2, folder), family="bernoulli")


def test_rows_are_left_out_if_asked(folder):
    source = spoilt("x", 700, np.nan, folder)
    for formula in ("y ~ x", "y ~ scale(x) + g"):
        check_same(
            fb.Model(formula, DATA.drop(index=700)),
            fb.Model(formula, source, dropna=True),
        )


def test_rows_that_are_left_out_may_come_first():
    data = DATA.copy()
    data.loc[:1100, "x"] = np.nan
    check_same(fb.Model("y ~ x + z", data, dropna=True), fb.Model("y ~ x + z", frames([1050], data), dropna=True))
    with pytest.raises(fb.DataError, match="leaves no rows"):
        fb.Model("y ~ x", frames([500], data.assign(x=np.nan)), dropna=True)


def test_users_code_runs_on_the_thread_that_called_it(tmp_path):
    with contextlib.closing(sqlite3.connect(tmp_path / "d.sqlite")) as connection:  # of which threads have one each
        DATA.to_sql("d", connection)
        once = fb.stream(pd.read_sql("select * from d", connection, chunksize=100))
        assert fb.Model("y ~ x", once).regression.n_rows == N
        model = fb.Model("y ~ x + g", lambda: pd.read_sql("select * from d", connection, chunksize=100))
        check_same(fb.Model("y ~ x + g", DATA), model)


def test_modules_of_the_user_are_taken_along():
    class Holder:
        def __deepcopy__(self, memo):
            raise TypeError

        def __call__(self, x):
            return np.sin(x)

    options = {"extra_namespace": {"f": Holder(), "m": math}}
    check_same(fb.Model("y ~ f(x) + g", DATA, **options), fb.Model("y ~ f(x) + g", frames([300]), **options))


def test_files_that_are_cut_off_are_no_whole(folder):
    content = (folder / "d.parquet").read_bytes()
    (folder / "cut.parquet").write_bytes(content[:-2000])
    with pytest.raises(fb.DataError, match="cannot be read as Parquet"):
        fb.stream(folder / "cut.parquet")
    DATA[["x", "y"]].to_parquet(folder / "holes.parquet", write_page_checksum=True)
    content = (folder / "holes.parquet").read_bytes()
    middle = len(content) // 4
    (folder / "holes.parquet").write_bytes(content[:middle] + bytes(30) + content[middle + 30 :])
    with pytest.raises(fb.DataError, match="cannot be read as Parquet"):
        fb.Model("y ~ x", fb.stream(folder / "holes.parquet"))
    DATA.drop(columns="x").to_parquet(folder / "lacks.parquet")
    with pytest.raises(fb.DataError, match="lacks 'x'"):
        fb.Model("y ~ x", fb.stream([folder / "d.parquet", folder / "lacks.parquet"]))


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ I(x - x.mean())", "'I(x - x.mean())' of a row depends on other rows"),
        ("y ~ cr(x, df=4)", "'cr(x, df=4)' cannot be learnt"),
        ("y ~ f(x)", "'f(x)' of a row depends on other rows"),
        ("scale(y) ~ x", "'scale(y)' cannot be learnt"),
    ],
)
def test_terms_that_parts_cannot_give_are_refused_by_name(formula, message):
    with pytest.raises(fb.FormulaError, match=re.escape(message)):
        fb.Model(formula, frames([500]), extra_namespace={"f": lambda x: x - x.mean()})


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (lambda: DATA, "iterable of tables"),
        (lambda: iter([]), "no tables"),
        (lambda: iter([DATA[:0]]), "no rows"),
        (lambda: iter([DATA, DATA.drop(columns="x")]), "Table 1 of the stream lacks 'x'"),
    ],
)
def test_functions_that_give_no_tables_are_refused(source, message):
    with pytest.raises((fb.DataError, fb.DataTypeError), match=message):
        fb.Model("y ~ x", source)


def test_a_function_that_returns_one_iterator_again_is_refused():
    """The model had the rows of all tables but the first, without a word."""
    tables = iter(cut(DATA, [300, 700]))
    with pytest.raises(fb.DataError, match="the iterator that it returned before"):
        fb.Model("y ~ x", lambda: tables)


def test_rows_that_change_between_passes_are_told():
    calls = []

    def growing():
        calls.append(1)
        return [DATA[: 1000 + len(calls)]]

    with pytest.raises(fb.DataError, match=r"The rows changed.*1\d\d\d in one pass, and 1\d\d\d in another"):
        fb.Model("b ~ x", growing, family="bernoulli").fit(draws=100, progressbar=False)


def test_arrays_beside_a_stream_are_refused():
    with pytest.raises(fb.FormulaError, match="weights= is an array"):
        fb.Model("y ~ x", frames([500]), weights=np.ones(N))
    with pytest.raises(fb.SettingError, match="part_rows"):
        fb.stream(frames([1]), 0)
    with pytest.raises(fb.DataTypeError, match="not int"):
        fb.stream(5)


def test_the_level_that_counts_may_come_late():
    data = DATA.assign(sold=np.where(np.arange(N) < 1000, "no", "yes"))
    one = fb.Model("sold['yes'] ~ x", data, family="bernoulli")
    other = fb.Model("sold['yes'] ~ x", frames([100, 500], data), family="bernoulli")
    assert np.isclose(one.sufficient_statistics.mean[-1], other.sufficient_statistics.mean[-1])
    with pytest.raises(fb.DataError, match="no value 'maybe'"):
        fb.Model("sold['maybe'] ~ x", frames([100], data), family="bernoulli")


def test_what_needs_rows_at_hand_says_so():
    model = fb.Model("y ~ x", frames([500]))
    idata = model.fit(progressbar=False)
    for use in (model.predict, model.log_likelihood):
        with pytest.raises(fb.DataError, match="read in parts"):
            use(idata)
    assert model.predict(idata, data=DATA[:3], inplace=False)["predictions"].sizes["__obs__"] == 3


@pytest.mark.parametrize(("formula", "family"), [("y ~ x + (1 | s)", "gaussian"), ("b ~ x", "bernoulli")])
def test_r2_is_folded(formula, family):
    model = fb.Model(formula, frames([500]), family=family)
    idata = model.fit(random_seed=1, progressbar=False)
    whole = fb.Model(formula, DATA, family=family)
    assert np.allclose(model.r2(idata, summary=False), whole.r2(idata, summary=False), rtol=1e-9)
