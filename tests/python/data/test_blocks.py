"""Columns of a design are folded where they lie, and laid out as a matrix once that is asked for."""

from __future__ import annotations

import copy

import filbert as fb
import numpy as np
import pandas as pd
import pytest
from filbert import _core
from filbert.data.blocks import DesignColumns
from filbert.regression.regression import rows_of


def frame(n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": rng.normal(size=n),
            "k": rng.integers(-5, 5, n),
            "b": rng.random(n) < 0.4,
            "g": rng.choice(list("abc"), n),
            "y": rng.normal(size=n),
        }
    )


def test_numbers_that_stand_alone_are_not_copied() -> None:
    rows = rows_of(fb.Model("y ~ x + k + 2:z", frame(40_000)).regression)
    assert rows is not None
    block = next(iter(rows.blocks()))
    x, k, twice = block.columns.each[:3]
    assert np.shares_memory(x, rows.factors["x"].columns[0])
    assert (k.dtype, twice.dtype) == (np.float64, np.float64)
    assert np.array_equal(twice, 2 * rows.factors["z"].columns[0][: len(block)])
    assert "matrix" not in vars(block.columns)


@pytest.mark.parametrize("n", [400, 40_000])  # in one block, and in two
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_later_changes_of_the_data_do_not_reach_a_model(family: str, n: int) -> None:
    data, weights, offset = frame(n), np.ones(n), np.zeros(n)
    data["y"] = np.round(np.exp(data["y"]))
    data["i"] = data["x"].round().astype(int)
    kept = data.copy(deep=True)
    model = fb.Model("y ~ x + i + x:z", data, family=family, weights=weights, offset=offset)
    data.loc[:, ["x", "y", "z"]] = 0.5
    data.iloc[:, data.columns.get_loc("i")] = 7
    weights[:], offset[:] = 3, 3
    unchanged = fb.Model("y ~ x + i + x:z", kept, family=family, weights=np.ones(n), offset=np.zeros(n)).regression
    ours, theirs = rows_of(model.regression), rows_of(unchanged)
    assert ours is not None
    assert theirs is not None
    for block, other in zip(ours.blocks(), theirs.blocks(), strict=True):
        for part in ("X", "y", "weights", "offset"):
            np.testing.assert_array_equal(getattr(block, part), getattr(other, part))
    for name, column in ours.constant_data().items():
        np.testing.assert_array_equal(column, theirs.constant_data()[name])


@pytest.mark.parametrize("weights", [None, "w"])
def test_a_frame_that_runs_backwards_may_end_with_a_block_of_one_row(weights: str | None) -> None:
    data = frame(32_769).assign(w=lambda rows: 1 + rows.x**2)
    summary = fb.Model("y ~ x + z", data[::-1], weights=weights).regression.summary
    assert summary.n_rows == len(data)
    forwards = fb.Model("y ~ x + z", data, weights=weights).regression.summary
    np.testing.assert_allclose(summary.sd, forwards.sd, rtol=1e-12)


def test_a_copied_model_does_not_carry_the_frame() -> None:
    rows = rows_of(copy.deepcopy(fb.Model("y ~ x", frame(40_000))).regression)
    assert rows is not None
    assert rows.lender is None


def test_the_matrix_has_the_columns_in_their_order() -> None:
    data = frame()
    rows = rows_of(fb.Model("y ~ x + k + b + C(g) + x:g", data).regression)
    assert rows is not None
    (block,) = rows.blocks()
    X = block.X
    assert X.flags.f_contiguous
    assert block.X is X
    assert len(block) == len(data)
    expected = [
        data.x,
        data.k,
        data.b,
        data.g == "b",
        data.g == "c",
        data.x * (data.g == "b"),
        data.x * (data.g == "c"),
    ]
    np.testing.assert_array_equal(X, np.column_stack(expected).astype(float))
    np.testing.assert_array_equal(block[10:20].X, X[10:20])


@pytest.mark.parametrize("weighted", [False, True])
def test_columns_and_matrices_have_one_summary(weighted: bool) -> None:
    rng = np.random.default_rng(1)
    X = np.asfortranarray(rng.normal(size=(20_000, 3)))
    y = rng.normal(size=len(X))
    weights = rng.random(len(X)) if weighted else None
    matrix = _core.SufficientStatistics(3).update(X, y, weights)
    every_other = np.repeat(X[:, 1], 2)[::2]
    assert not every_other.flags.c_contiguous
    columns = _core.SufficientStatistics(3).update_columns([X[:, 0], every_other, X[:, 2]], y, weights)
    for ours, theirs in zip(columns.state(), matrix.state(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_columns_of_other_types_are_cast() -> None:
    k, b, y = np.arange(9), np.arange(9) % 2 == 0, np.linspace(0, 1, 9)
    found = _core.SufficientStatistics(2).update_columns([k, b], y)
    np.testing.assert_allclose(found.mean, [4, 5 / 9, 0.5])
    with pytest.raises(ValueError, match="there must be 2 columns, not 1"):
        _core.SufficientStatistics(2).update_columns([k], y)


def test_no_columns_are_a_matrix_without_columns() -> None:
    assert DesignColumns([], 5).matrix.shape == (5, 0)
