"""Tests that combinations of levels without rows are left out, named, and refused in new data."""

from __future__ import annotations

import warnings

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from design_checks import read, whole
from filbert.errors import DataError, DataWarning, ModelFileError

N = 60


@pytest.fixture
def frame():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "y": rng.normal(size=N),
            "x": rng.normal(size=N),
            "g": [*"abc"] * (N // 3),
            "h": [*"uv"] * (N // 2),
            "k": rng.integers(0, 2, N),
        }
    )
    frame.loc[(frame.g == "c") & (frame.h == "v"), "h"] = "u"  # nobody is c and v
    return frame


def read_with_warning(formula, frame, *names):
    with pytest.warns(DataWarning, match="left out") as caught:
        design = read(formula, frame)
    for name in names:
        assert repr(name) in str(caught[0].message)
    return design


@pytest.mark.parametrize(
    ("formula", "left_out", "levels"),
    [
        ("y ~ g*h", ["g[T.c]:h[T.v]"], ("b, v",)),
        ("y ~ g + g:h", ["g[c]:h[T.v]"], ("a, v", "b, v")),
        ("y ~ 0 + g:h", ["g[c]:h[v]"], ("a, u", "b, u", "c, u", "a, v", "b, v")),
        ("y ~ x:g:h", ["x:g[c]:h[v]"], ("a, u", "b, u", "c, u", "a, v", "b, v")),
        ("y ~ 2:x:g:h", ["2:x:g[c]:h[v]"], ("a, u", "b, u", "c, u", "a, v", "b, v")),
        ("y ~ g:h:poly(x, 2)", ["g[c]:h[v]:poly(x, 2)[1]", "g[c]:h[v]:poly(x, 2)[2]"], None),
    ],
)
def test_columns_without_rows_are_left_out(formula, left_out, levels, frame):
    design = read_with_warning(formula, frame, *left_out)
    X = whole(design)[0]
    assert X.shape == (N, len(design.columns))
    assert (X != 0).any(axis=0).all()
    assert not set(left_out) & set(design.columns)
    term = design.terms[-1]
    assert len(term.columns) == len(term.levels)
    if levels is not None:
        assert term.levels == levels


def test_the_other_columns_are_what_they_were(frame):
    with_all = frame.copy()
    with_all.loc[2, "h"] = "v"  # row 2 is c
    full = read("y ~ g*h + x", with_all)
    design = read_with_warning("y ~ g*h + x", frame)
    places = [full.columns.index(name) for name in design.columns]
    rows = np.arange(N) != 2
    np.testing.assert_array_equal(whole(design)[0][rows], whole(full)[0][rows][:, places])


def test_new_rows_of_a_combination_without_rows_are_refused_by_name(frame):
    design = read_with_warning("y ~ g*h", frame)
    known = frame.iloc[:9]
    np.testing.assert_array_equal(np.concatenate([b.X for b in design.new_rows(known).blocks()]), whole(design)[0][:9])
    with pytest.raises(DataError, match=r"g = 'c' and h = 'v' \(row 7\)"):
        design.new_rows(frame.assign(g=frame.g.where(frame.index != 7, "c"), h=frame.h.where(frame.index != 7, "v")))


def test_an_interaction_of_which_nothing_is_left_is_left_out(frame):
    frame["h"] = np.where((frame.g == "a") & (frame.index % 2 == 0), "v", "u")
    design = read_with_warning("y ~ g*h", frame, "g[T.b]:h[T.v]", "g[T.c]:h[T.v]")
    assert [term.name for term in design.terms] == ["g", "h"]


def test_three_factors(frame):
    frame["k"] = np.where((frame.g == "b") & (frame.h == "u"), 0, frame.k)
    design = read_with_warning("y ~ C(k):g:h", frame)
    assert (whole(design)[0] != 0).any(axis=0).all()
    new = frame.iloc[[1]].assign(g="c", h="v", k=1)
    with pytest.raises(DataError, match=r"g = 'c' and h = 'v' \(row 1\)"):
        design.new_rows(new)


def test_contrasts_that_leave_no_zero_column_keep_their_columns(frame):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read("y ~ C(g, contr.sum)*C(h, contr.sum)", frame).columns) == 5


def test_models_with_empty_cells_fit_predict_and_save(frame, tmp_path):
    with pytest.warns(DataWarning, match="left out"):
        model = fb.Model("y ~ g*h + x:g:h", frame)
    idata = model.fit(draws=1000, tune=200, chains=4, progressbar=False, random_seed=1)
    model.save(tmp_path / "m")
    loaded = fb.load(tmp_path / "m")
    assert [product.kept for product in loaded.design.products] == [p.kept for p in model.design.products]
    new = frame.iloc[:5]
    pd.testing.assert_frame_equal(fb.predictions(loaded, idata, data=new), fb.predictions(model, idata, data=new))
    with pytest.raises(DataError, match="g = 'c' and h = 'v'"):
        loaded.design.new_rows(new.assign(g="c", h="v"))


def test_places_of_a_file_must_be_columns(frame, tmp_path):
    from filbert.storage import terms, writing

    with pytest.warns(DataWarning, match="left out"):
        model = fb.Model("y ~ g*h", frame)
    entry = writing.content_of(model.regression)["products"][-1]
    levels = {"g": ("a", "b", "c"), "h": ("u", "v")}
    for kept in ([], [-1], [0, 0], [2], ["a"], 3, [1, 0]):
        with pytest.raises((ModelFileError, TypeError)):
            terms.read_product({**entry, "kept": kept}, levels)
